/** Loading models in workers of their own. */
import {
  type CheckpointSource,
  type ClassifierWorker,
  createClassifierWorker,
  type ProgressInfo,
} from "@ppt-vit/pipeline/browser";

/** A checkpoint that the user chose. */
export interface ModelChoice {
  readonly title: string;
  readonly source: CheckpointSource;
}

export const demoModel = (): ModelChoice => ({
  title: "Demo model (DeiT-Ti geometry, 48 emoji objects)",
  source: new URL("demo/", document.baseURI),
});

/** Of the Hugging Face Hub: fetched when it is first used, and kept in the browser's cache. */
export const hubModel = (id: string): ModelChoice => ({ title: id, source: id });

export const startWorker = (): ClassifierWorker =>
  createClassifierWorker(new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "classifier" }));

/** Progress over all files of a checkpoint, from 0 to 1, where the sizes are known. */
export function loadingShare(onShare: (share: number) => void): (info: ProgressInfo) => void {
  const files = new Map<string, { loaded: number; total: number }>();
  return (info) => {
    if (info.status !== "progress" || info.total === 0) return;
    files.set(info.file, info);
    let [loaded, total] = [0, 0];
    for (const file of files.values()) {
      loaded += file.loaded;
      total += file.total;
    }
    onShare(loaded / total);
  };
}

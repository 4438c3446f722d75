/** The models to choose from, and the worker that loads them. */
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
  readonly demo?: true;
}

export const demoModel = (): ModelChoice => ({
  title: "Demo model (DeiT-Ti geometry, 48 emoji objects)",
  source: new URL("demo/", document.baseURI),
  demo: true,
});

/** A model of the Hugging Face Hub. It is downloaded when it is first used, and the browser's cache keeps it. */
export const hubModel = (id: string): ModelChoice => ({ title: id, source: id });

/** Models of the Hub that the page offers. What loading one costs is told before it is asked for. */
export const suggestions: readonly { readonly id: string; readonly title: string; readonly about: string }[] = [
  {
    id: "facebook/deit-tiny-patch16-224",
    title: "DeiT-Ti, 1000 classes",
    about: "for photographs: about 23 MB from huggingface.co",
  },
];

export const startWorker = (): ClassifierWorker =>
  createClassifierWorker(new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "classifier" }));

/** Turns progress events into one number from 0 to 1, over all files of the checkpoint whose sizes are known. */
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

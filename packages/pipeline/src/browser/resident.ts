/** Keeps the checkpoint that a worker read last, so that further models of it need neither a download nor a parse. */
import { isPptError, type PptError, patchGrid } from "@ppt-vit/core";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { CheckpointFiles } from "../checkpoint/files.js";
import { type LoadOptions, loadOptions } from "../checkpoint/options.js";
import { type CheckpointNeeds, parseCheckpoint } from "../checkpoint/parse.js";
import { type TaskName, tasks } from "../tasks/registry.js";
import { checkpointFiles, type NamedBlobs, type PortableSource } from "./files.js";

/** Where a checkpoint comes from. Two requests with the same key mean the same files. */
export interface NamedSource {
  readonly source: PortableSource;
  readonly key: number;
}

/** What a checkpoint is and can be used for. */
export interface CheckpointFacts {
  readonly model: string;
  /** The tasks that it can be loaded for without further options, the default first. */
  readonly tasks: readonly TaskName[];
  /** Rows and columns of patches in a picture. */
  readonly patches: readonly [rows: number, columns: number];
}

interface Resident {
  readonly key: string;
  readonly files: Promise<RememberedFiles>;
  /** By the needs that they were parsed for. */
  readonly parsed: Map<string, Promise<Checkpoint>>;
}

interface RememberedFiles extends CheckpointFiles {
  blobs(): NamedBlobs;
}

export interface ResidentCheckpoint {
  read(from: NamedSource, options: LoadOptions, needs: CheckpointNeeds): Promise<Checkpoint>;
  /** @throws PptError as reading does; what the default task lacks, if the checkpoint suits no task */
  inspect(from: NamedSource, options: LoadOptions): Promise<CheckpointFacts>;
  /** The files that were read, in memory, for another worker. They are read now if they were not. */
  blobs(from: NamedSource, options: LoadOptions): Promise<NamedBlobs>;
}

/** One checkpoint is kept at a time. With `keep: false` each request reads its files again. */
export function residentCheckpoint(keep: boolean): ResidentCheckpoint {
  let resident: Resident | undefined;

  function residentOf({ source, key: number }: NamedSource, options: LoadOptions): Resident {
    const { revision, endpoint, token } = options;
    const key = JSON.stringify([number, revision, endpoint, token]);
    if (keep && resident?.key === key) return resident;
    const files = checkpointFiles(source, options).then(remembering);
    const made = { key, files, parsed: new Map<string, Promise<Checkpoint>>() };
    resident = keep ? made : undefined;
    return made;
  }

  function parse(at: Resident, options: LoadOptions, needs: CheckpointNeeds): Promise<Checkpoint> {
    const key = JSON.stringify(needs);
    const known = at.parsed.get(key);
    if (known) return known;
    const parsed = at.files.then((files) => parseCheckpoint(files, options, needs));
    at.parsed.set(key, parsed);
    // What failed or was aborted is read again the next time.
    parsed.catch(() => {
      at.parsed.delete(key);
      if (resident === at && at.parsed.size === 0) resident = undefined;
    });
    return parsed;
  }

  return {
    read: async (from, given, needs) => {
      const options = loadOptions("readCheckpoint", given);
      return parse(residentOf(from, options), options, needs);
    },
    async inspect(from, options) {
      const at = residentOf(from, options);
      const failures: PptError[] = [];
      const suited: TaskName[] = [];
      let facts: Pick<CheckpointFacts, "model" | "patches"> | undefined;
      for (const task of tasks)
        try {
          const { weights: _, ...settings } = await parse(at, options, task.needs);
          facts = { model: settings.name, patches: patchGrid(settings.config) };
          if (task.lacks(settings) !== undefined) continue;
          task.prepare(settings, {});
          suited.push(task.name as TaskName);
        } catch (error) {
          if (!isPptError(error)) throw error;
          failures.push(error);
        }
      if (!facts || suited.length === 0) throw failures[0]!;
      return { ...facts, tasks: suited };
    },
    async blobs(from, options) {
      const at = residentOf(from, options);
      if (at.parsed.size === 0) await parse(at, options, {});
      await Promise.all(at.parsed.values());
      return (await at.files).blobs();
    },
  };
}

/** The same files, each of them read once. */
function remembering(files: CheckpointFiles): RememberedFiles {
  const known = new Map<string, Uint8Array | undefined>();
  return {
    ...files,
    async read(file, options) {
      if (known.has(file) && (known.get(file) || options.optional)) return known.get(file);
      const bytes = await files.read(file, options);
      known.set(file, bytes);
      return bytes;
    },
    blobs() {
      const found = [...known].flatMap(([name, bytes]) =>
        bytes ? [[name, new Blob([bytes as BlobPart])] as const] : [],
      );
      return { folder: files.name, blobs: new Map(found) };
    },
  };
}

/** Checkpoints in folders. Node only. */
import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PptError } from "@ppt-vit/core";
import { type Checkpoint, type CheckpointFiles, type LoadOptions, parseCheckpoint } from "./checkpoint.js";

/** `demo`; a folder (`./name`, `../name` or an absolute path); or a store of your own. */
export type CheckpointSource = string | CheckpointFiles;

/**
 * Reads a checkpoint's files. A name and a path are told apart by form.
 * @throws PptError NOT_FOUND, INVALID_CONFIG, INVALID_REDUCTION, INVALID_SAFETENSORS, INVALID_OPTION
 */
export async function readCheckpoint(source: CheckpointSource, options?: LoadOptions): Promise<Checkpoint> {
  return parseCheckpoint(typeof source === "string" ? await folderFiles(source) : source, options);
}

async function folderFiles(source: string): Promise<CheckpointFiles> {
  const folder = await folderOf(source);
  return {
    name: source,
    async read(file, { optional, signal }) {
      const path = join(folder, file);
      try {
        return await readFile(path, { signal });
      } catch (cause) {
        signal?.throwIfAborted();
        const reason = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
        // Absent is fine, unreadable is not.
        if (optional && reason === "ENOENT") return undefined;
        throw new PptError("NOT_FOUND", `${path}: cannot be read (${reason})`, { cause });
      }
    },
  };
}

async function folderOf(source: string): Promise<string> {
  if (source === "demo") {
    const { demoModelUrl } = await import("@ppt-vit/demo-model").catch((cause: unknown) => {
      throw new PptError("NOT_FOUND", "the demo model is not installed: npm install @ppt-vit/demo-model", { cause });
    });
    return fileURLToPath(demoModelUrl);
  }
  if (/^\.{1,2}([/\\]|$)/.test(source) || isAbsolute(source)) return source;
  throw new PptError(
    "INVALID_OPTION",
    `model '${source}' is neither 'demo' nor a path: write ./${source} for a folder. Hub ids are not loaded yet; download the checkpoint into a folder first`,
  );
}

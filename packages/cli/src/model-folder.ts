/** Folders that hold models: how a new one is written so that nothing half-made stays. */
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { isPptError, PptError } from "@ppt-vit/core";

/** `22.2 MB` */
export function showBytes(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** All files that an export may write: the Hugging Face layout, and a Triton model repository. */
const exportedFile =
  /^(config\.json|preprocessor_config\.json|onnx\/model(_fp16)?\.onnx|[^/]+\/(config\.pbtxt|labels\.txt|1\/model\.onnx))$/;

/**
 * Fills the folder `out`: `write` gets a temporary folder on the same file system, whose content is moved to `out` when
 * all is written, in one step. On failure, and when the process is interrupted, the temporary folder is removed.
 * @throws PptError INVALID_OPTION where `out` is in use, WRITE_FAILED where it cannot be written or the disk is full
 */
export async function fillFolder<R>(
  out: string,
  options: { readonly force: boolean },
  write: (folder: string) => Promise<R>,
): Promise<R> {
  let cleanUp = () => {};
  const onSignal = (signal: NodeJS.Signals) => {
    cleanUp();
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  // Not `once`: a second Ctrl-C must not end the clearing up.
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    const target = await checkedTarget(out, options.force);
    // Synchronous from here to `write` and after it, so that no signal comes between a folder and its clearing up. An existing folder keeps its place: it may be a mount point, or somebody's working directory.
    const firstCreated = target.exists ? undefined : mkdirSync(dirname(target.path), { recursive: true });
    cleanUp = () => removeCreated(dirname(target.path), firstCreated);
    const prefix = target.exists ? join(target.path, ".ppt-vit-") : `${target.path}.ppt-vit-`;
    const staging = mkdtempSync(prefix);
    cleanUp = () => {
      rmSync(staging, { recursive: true, force: true });
      removeCreated(dirname(target.path), firstCreated);
    };
    const fresh = join(staging, "new");
    mkdirSync(fresh);
    const result = await write(fresh);
    if (target.exists) replaceContent(target.path, fresh, join(staging, "old"), basename(staging));
    else renameSync(fresh, target.path);
    rmSync(staging, { recursive: true, force: true });
    return result;
  } catch (cause) {
    cleanUp();
    throw writeError(out, cause);
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

async function checkedTarget(out: string, force: boolean): Promise<{ path: string; exists: boolean }> {
  const path = resolve(out);
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (!found) return { path, exists: false };
  const inUse = (message: string) => new PptError("INVALID_OPTION", `${out}: ${message}`);
  if (!found.isDirectory()) throw inUse("is a file: choose another --out");
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  if (entries.length > 0 && !force)
    throw inUse("exists and is not empty: choose another --out, or replace what is there with --force");
  const foreign = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .filter((file) => !exportedFile.test(file.replaceAll(sep, "/")));
  if (foreign.length > 0)
    throw inUse(
      `holds files that no export wrote (${foreign.slice(0, 3).join(", ")}${foreign.length > 3 ? ", ..." : ""}), and --force would replace them: choose another --out`,
    );
  return { path: await realpath(path), exists: true };
}

/** Swaps the content of a folder, without giving other code or a signal the chance to run in between. */
function replaceContent(folder: string, fresh: string, old: string, keep: string): void {
  mkdirSync(old);
  const moved: [from: string, to: string][] = [];
  const move = (from: string, to: string) => {
    renameSync(from, to);
    moved.push([from, to]);
  };
  try {
    for (const name of readdirSync(folder)) if (name !== keep) move(join(folder, name), join(old, name));
    for (const name of readdirSync(fresh)) move(join(fresh, name), join(folder, name));
  } catch (error) {
    for (const [from, to] of moved.reverse()) renameSync(to, from);
    throw error;
  }
}

/** Removes the empty folders from `last` up to `first`, which were made for this. */
function removeCreated(last: string, first: string | undefined): void {
  if (first === undefined) return;
  for (let folder = last; folder.length >= first.length; folder = dirname(folder)) {
    try {
      rmdirSync(folder);
    } catch {
      return; // somebody has put something there
    }
  }
}

const advice: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full: free space, or choose another --out",
  EDQUOT: "the disk quota is used up: free space, or choose another --out",
  EFBIG: "the file would exceed what this file system or process may write: choose another --out",
  EACCES: "not writable: choose another --out, or change its permissions",
  EPERM: "not writable: choose another --out, or change its permissions",
  EROFS: "lies on a read-only file system: choose another --out",
  ENOTDIR: "a part of this path is a file: choose another --out",
  EEXIST: "a part of this path is a file: choose another --out",
  ENOTEMPTY: "was filled by somebody else meanwhile: choose another --out",
};

function writeError(out: string, cause: unknown): unknown {
  if (isPptError(cause) || !(cause instanceof Error) || !("code" in cause)) return cause;
  const message = advice[String(cause.code)] ?? "cannot be written";
  return new PptError("WRITE_FAILED", `${out}: ${message} (${cause.code})`, { cause });
}

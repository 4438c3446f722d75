/** Writes a model folder completely or not at all. */
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { mkdir, realpath, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { PptError } from "@ppt-vit/core";
import { makeFolder } from "@ppt-vit/pipeline";
import { codeOf, writeError } from "../../files/errors.js";
import { precisions } from "./precisions.js";

const suffixes = Object.values(precisions).map(({ suffix }) => suffix);
/** The files that an export may write: in the layout of Hugging Face, or a Triton model repository. */
const exported = `(?:${[
  String.raw`config\.json`,
  String.raw`preprocessor_config\.json`,
  String.raw`onnx\/model(?:${suffixes.join("|")})\.onnx`,
  String.raw`[^/]+\/(?:config\.pbtxt|labels\.txt|1\/model\.onnx)`,
].join("|")})`;
/** Part of a temporary folder's name: at its start, or behind the name of the target. The process id and random letters follow. */
const mark = ".ppt-vit-";
const staging = /\.ppt-vit-(?:(\d+)-)?\w{6}/.source;
const ownFile = new RegExp(`^(?:${staging}/(?:new|old)/)?${exported}$`);
const stagedFile = new RegExp(`^(?:new|old)/${exported}$`);
const stagingName = new RegExp(`${staging}$`);

/** Writes one file of the folder. @returns its size in bytes @throws PptError WRITE_FAILED */
export type PutFile = (file: string, content: string | Uint8Array) => Promise<number>;

/**
 * Fills the folder `out` with the files that `fill` puts. They are written to a temporary folder on the same file system, which
 * is moved to `out` once it is complete. A new folder appears in one step. An existing folder stays where it is, because it may
 * be a mount point or somebody's working directory: its old entries are moved out one by one, then the new ones in. On failure
 * or interruption everything is put back and the temporary folder removed. If the process is killed, the temporary folder stays,
 * with any old entries that `out` then lacks, until the next export to `out` succeeds.
 * @throws PptError INVALID_OPTION if `out` is in use; WRITE_FAILED if it cannot be written or the disk is full; what `fill` throws
 */
export async function fillFolder<R>(
  out: string,
  options: { readonly force: boolean },
  fill: (put: PutFile) => Promise<R>,
): Promise<R> {
  let cleanUp = () => {};
  const onSignal = (signal: NodeJS.Signals) => {
    cleanUp();
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  // Not `once`: a second Ctrl-C must not interrupt the cleaning up.
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  // Errors of `fill` itself, such as an unreadable checkpoint, are not errors of writing `out`.
  let filling = false;
  try {
    const target = await checkedTarget(out, options.force);
    // Synchronous from here to `fill`, and after it, so that no signal arrives after a folder is made and before `cleanUp` knows it.
    const firstCreated = target.exists ? undefined : makeFolder(dirname(target.path));
    cleanUp = () => removeCreated(dirname(target.path), firstCreated);
    const prefix = target.exists ? join(target.path, mark) : target.path + mark;
    const temporary = mkdtempSync(`${prefix}${process.pid}-`);
    const [fresh, old] = [join(temporary, "new"), join(temporary, "old")];
    cleanUp = () => {
      remove(fresh);
      // If putting back failed, `old` is not empty and stays.
      removeEmpty(old);
      removeEmpty(temporary);
      removeCreated(dirname(target.path), firstCreated);
    };
    mkdirSync(fresh);
    filling = true;
    const result = await fill(async (file, content) => {
      try {
        const path = join(fresh, file);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, content);
        return (await stat(path)).size;
      } catch (cause) {
        throw writeError(out, cause);
      }
    });
    filling = false;
    if (target.exists) replaceContent(target.path, fresh, old);
    else renameSync(fresh, target.path);
    remove(temporary);
    removeLeftovers(prefix);
    return result;
  } catch (cause) {
    cleanUp();
    throw filling ? cause : writeError(out, cause);
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
  const entries = entriesIn(path);
  if (!force && entries.some((entry) => !isUnfinished(entry.path)))
    throw inUse("exists and is not empty: choose another --out, or replace what is there with --force");
  const foreign = entries.filter((entry) => !entry.isFolder && !ownFile.test(entry.path)).map((entry) => entry.path);
  if (foreign.length > 0)
    throw inUse(
      `holds files that no export wrote (${foreign.slice(0, 3).join(", ")}${foreign.length > 3 ? ", ..." : ""}), and --force would replace them: choose another --out`,
    );
  return { path: await realpath(path), exists: true };
}

/** All entries of a folder and its subfolders, by paths with `/`. */
const entriesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => ({
    path: relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, "/"),
    isFolder: entry.isDirectory(),
  }));

/** Whether a path belongs to an export that was killed before it moved any old entry. */
function isUnfinished(path: string): boolean {
  const [folder, part] = path.split("/");
  return folder!.startsWith(mark) && isAbandoned(folder!) && (part === undefined || part === "new");
}

/** Whether this is the temporary folder of an export that does not run any more. */
function isAbandoned(name: string): boolean {
  const found = stagingName.exec(name);
  if (!found) return false;
  const pid = Number(found[1]);
  // In a container, the killed process may have had the same id as this one.
  if (!pid || pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** Removes the temporary folders of killed exports to the same place, if they hold nothing but files of an export. */
function removeLeftovers(prefix: string): void {
  const [parent, start] = [dirname(prefix), basename(prefix)];
  try {
    for (const entry of readdirSync(parent, { withFileTypes: true })) {
      if (!entry.isDirectory() || !entry.name.startsWith(start) || !isAbandoned(entry.name)) continue;
      const leftover = join(parent, entry.name);
      if (entriesIn(leftover).every(({ path, isFolder }) => isFolder || stagedFile.test(path))) remove(leftover);
    }
  } catch {
    // The export has succeeded, even if this folder cannot be listed.
  }
}

/**
 * Replaces the content of a folder synchronously, so that neither other code nor a signal handler runs in between.
 * @throws PptError WRITE_FAILED if the old content could not be put back; what renaming throws
 */
function replaceContent(folder: string, fresh: string, old: string): void {
  mkdirSync(old);
  const moved: [from: string, to: string][] = [];
  const move = (from: string, to: string) => {
    renameSync(from, to);
    moved.push([from, to]);
  };
  try {
    for (const name of readdirSync(folder)) if (!name.startsWith(mark)) move(join(folder, name), join(old, name));
    for (const name of readdirSync(fresh)) move(join(fresh, name), join(folder, name));
  } catch (cause) {
    if (!moveBack(moved))
      throw new PptError(
        "WRITE_FAILED",
        `${folder}: cannot be written (${codeOf(cause)}), and the earlier export could not be put back: what is missing of it lies in ${old}`,
        { cause },
      );
    throw cause;
  }
}

/** Undoes as many moves as possible. @returns whether all of them could be undone */
function moveBack(moved: readonly [from: string, to: string][]): boolean {
  let complete = true;
  for (const [from, to] of moved.toReversed()) {
    try {
      renameSync(to, from);
    } catch {
      complete = false;
    }
  }
  return complete;
}

function remove(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // Ignored, because it must not hide the result of the export. The next export tries again.
  }
}

function removeEmpty(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return false; // it is not empty, or it does not exist
  }
}

/** Removes the empty folders from `last` up to `first`, which this export made. */
function removeCreated(last: string, first: string | undefined): void {
  if (first === undefined) return;
  for (let folder = last; folder.length >= first.length && removeEmpty(folder); ) folder = dirname(folder);
}

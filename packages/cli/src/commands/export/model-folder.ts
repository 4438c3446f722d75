/** Folders that hold models: how a new one is written so that nothing half-made stays. */
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { mkdir, realpath, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { PptError } from "@ppt-vit/core";
import { codeOf, writeError } from "../../files/errors.js";

/** All files that an export may write: the Hugging Face layout, and a Triton model repository. */
const exported =
  /(?:config\.json|preprocessor_config\.json|onnx\/model(?:_fp16)?\.onnx|[^/]+\/(?:config\.pbtxt|labels\.txt|1\/model\.onnx))/
    .source;
/** How the name of a temporary folder begins, or goes on behind that of the folder to be; then come process and noise. */
const mark = ".ppt-vit-";
const staging = /\.ppt-vit-(?:(\d+)-)?\w{6}/.source;
const ownFile = new RegExp(`^(?:${staging}/(?:new|old)/)?${exported}$`);
const stagedFile = new RegExp(`^(?:new|old)/${exported}$`);
const stagingName = new RegExp(`${staging}$`);

/** Writes a file of the folder that is being filled, and tells its size. @throws PptError WRITE_FAILED */
export type PutFile = (file: string, content: string | Uint8Array) => Promise<number>;

/**
 * Fills the folder `out`: what `fill` puts is written to a temporary folder on the same file system, and moved to `out`
 * when all is there. A new folder appears in one step. One that exists keeps its place, as it may be a mount point or
 * somebody's working directory: one file or folder after the other is moved out of it, then into it. On failure, and when
 * the process is interrupted, everything is put back and the temporary folder removed. A kill that cannot be caught leaves
 * that folder behind, with what `out` may lack of an earlier export, until the next export to `out` succeeds.
 * @throws PptError INVALID_OPTION where `out` is in use, WRITE_FAILED where it cannot be written or the disk is full;
 * what `fill` throws
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
  // Not `once`: a second Ctrl-C must not end the clearing up.
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  // What goes wrong in `fill` itself, as a checkpoint that cannot be read, is no fault of `out`.
  let filling = false;
  try {
    const target = await checkedTarget(out, options.force);
    // Synchronous from here to `fill` and after it, so that no signal comes between a folder and its clearing up.
    const firstCreated = target.exists ? undefined : mkdirSync(dirname(target.path), { recursive: true });
    cleanUp = () => removeCreated(dirname(target.path), firstCreated);
    const prefix = target.exists ? join(target.path, mark) : target.path + mark;
    const temporary = mkdtempSync(`${prefix}${process.pid}-`);
    const [fresh, old] = [join(temporary, "new"), join(temporary, "old")];
    cleanUp = () => {
      remove(fresh);
      // Where putting back failed, `old` is not empty and stays.
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

/** All that is in a folder and below it, by paths with `/`. */
const entriesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => ({
    path: relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, "/"),
    isFolder: entry.isDirectory(),
  }));

/** Whether a path belongs to an export that was killed while it wrote, before it touched anything else. */
function isUnfinished(path: string): boolean {
  const [folder, part] = path.split("/");
  return folder!.startsWith(mark) && isAbandoned(folder!) && (part === undefined || part === "new");
}

/** Whether this is the temporary folder of an export that runs no more. */
function isAbandoned(name: string): boolean {
  const found = stagingName.exec(name);
  if (!found) return false;
  const pid = Number(found[1]);
  // In a container the one that was killed may have had the number that this process has.
  if (!pid || pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** Removes what killed exports to the same place have left, where it is what exports write and nothing else. */
function removeLeftovers(prefix: string): void {
  const [parent, start] = [dirname(prefix), basename(prefix)];
  try {
    for (const entry of readdirSync(parent, { withFileTypes: true })) {
      if (!entry.isDirectory() || !entry.name.startsWith(start) || !isAbandoned(entry.name)) continue;
      const leftover = join(parent, entry.name);
      if (entriesIn(leftover).every(({ path, isFolder }) => isFolder || stagedFile.test(path))) remove(leftover);
    }
  } catch {
    // The export is there; a folder that cannot be listed is no reason to say that it failed.
  }
}

/**
 * Swaps the content of a folder, without giving other code or a signal the chance to run in between.
 * @throws PptError WRITE_FAILED where what was there could not be put back; what renaming throws
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

/** As much as can be; tells whether that is all. */
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
    // No reason to say that an export failed, nor to hide why it did; the next one tries again.
  }
}

function removeEmpty(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return false; // something is in it, or it is not there
  }
}

/** Removes the empty folders from `last` up to `first`, which were made for this. */
function removeCreated(last: string, first: string | undefined): void {
  if (first === undefined) return;
  for (let folder = last; folder.length >= first.length && removeEmpty(folder); ) folder = dirname(folder);
}

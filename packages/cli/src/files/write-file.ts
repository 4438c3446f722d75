/** Writes files completely or not at all. */
import { randomBytes } from "node:crypto";
import {
  accessSync,
  type BigIntStats,
  chmodSync,
  constants,
  copyFileSync,
  lstatSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { holdSignals } from "./ending.js";
import { codeOf, writeError } from "./errors.js";

/**
 * Options for `statSync` of a path that may be a pipe. Without them, the next `import()` of Node 20 may not follow symbolic
 * links, because its `realpathSync` reads the numbers that `statSync` of the pipe left in a shared buffer.
 */
export const plainStat = { bigint: true } as const;

/**
 * Writes a file completely or not at all, even if the disk is full or the process is interrupted. The data goes to a
 * temporary file beside `path`, which replaces `path` once it is complete. Symbolic links are followed and permissions are
 * kept. Pipes and devices such as /dev/stdout are written to directly.
 * @throws PptError WRITE_FAILED, whose message advises to choose another `option`
 */
export function writeFileWhole(path: string, data: string | Uint8Array, option = "--out"): void {
  try {
    const { found, target } = lookUp(path);
    if (target === undefined) {
      writeFileSync(path, data);
      return;
    }
    if (found) accessSync(target, constants.W_OK);
    const part = join(dirname(target), `.${basename(target).slice(0, 40)}.${randomBytes(4).toString("hex")}.part`);
    const release = holdSignals();
    try {
      writeFileSync(part, data, { flag: "wx" });
      if (found) chmodSync(part, Number(found.mode) & 0o777);
      moveOver(part, target);
    } finally {
      rmSync(part, { force: true });
      release();
    }
  } catch (cause) {
    throw writeError(path, cause, option);
  }
}

/**
 * Checks that a file can be written. Commands call this before the work whose result the file will hold.
 * @throws PptError WRITE_FAILED if the folder does not exist or is not writable, or if `path` is a folder or read-only; its
 * message advises to choose another `option`
 */
export function requireWritable(path: string, option = "--out"): void {
  const complain = (code: string): never => {
    throw Object.assign(new Error(code), { code });
  };
  try {
    const { found, target } = lookUp(path);
    if (found?.isDirectory()) complain("EISDIR");
    if (found) accessSync(path, constants.W_OK);
    if (target === undefined) return;
    if (path === "" || /[/\\]$/.test(path)) complain("EISDIR");
    if (!statSync(dirname(target), plainStat).isDirectory()) complain("ENOTDIR");
    accessSync(dirname(target), constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw writeError(path, cause, option);
  }
}

/** What is at a path, and the file that its links lead to. There is no `target` if it is no file that can be replaced. */
function lookUp(path: string): { readonly found: BigIntStats | undefined; readonly target?: string } {
  const found = statSync(path, { ...plainStat, throwIfNoEntry: false });
  if (!found) return { found, target: endOfLinks(path) };
  // /dev/stdout may be a regular file, but another process has it open.
  if (!found.isFile() || /^[/](dev|proc)[/]/.test(path)) return { found };
  return { found, target: realpathSync(path) };
}

/** Where the links of a path lead, although nothing is there yet. */
function endOfLinks(path: string): string {
  const isLink = lstatSync(path, { ...plainStat, throwIfNoEntry: false })?.isSymbolicLink();
  return isLink ? endOfLinks(resolve(dirname(path), readlinkSync(path))) : path;
}

function moveOver(part: string, target: string): void {
  try {
    renameSync(part, target);
  } catch (error) {
    // A file that is mounted into a container cannot be replaced, only overwritten.
    if (codeOf(error) !== "EBUSY") throw error;
    copyFileSync(part, target);
  }
}

/** Files that commands write: whole or not at all. */
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
 * For whatever may be a pipe: after `statSync` of one without this, Node's next `import()` may not follow symbolic links,
 * because `realpathSync` looks at the numbers that were left there.
 */
export const plainStat = { bigint: true } as const;

/**
 * Writes a file that is there whole or not at all, also when the disk is full or the process is interrupted: what was at
 * `path` before stays until a temporary file beside it is complete and takes its name. Symbolic links are followed, and
 * permissions kept. What is no file, such as a pipe or /dev/stdout, is written to as it is.
 * @throws PptError WRITE_FAILED, whose message says to choose another `option`
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
 * Refuses a file that could not be written, before the work whose result it is to hold.
 * @throws PptError WRITE_FAILED where the folder does not exist or is not writable, or `path` is a folder or read-only;
 * its message says to choose another `option`
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

/** What is at a path, and the file that its links lead to; none where that is no file that another can replace. */
function lookUp(path: string): { readonly found: BigIntStats | undefined; readonly target?: string } {
  const found = statSync(path, { ...plainStat, throwIfNoEntry: false });
  if (!found) return { found, target: endOfLinks(path) };
  // /dev/stdout may be a file, but one that others have open.
  if (!found.isFile() || /^[/](dev|proc)[/]/.test(path)) return { found };
  return { found, target: realpathSync(path) };
}

/** Where the links of a path lead that does not exist yet. */
function endOfLinks(path: string): string {
  const isLink = lstatSync(path, { ...plainStat, throwIfNoEntry: false })?.isSymbolicLink();
  return isLink ? endOfLinks(resolve(dirname(path), readlinkSync(path))) : path;
}

function moveOver(part: string, target: string): void {
  try {
    renameSync(part, target);
  } catch (error) {
    // A file that a container mounts cannot be replaced, only filled.
    if (codeOf(error) !== "EBUSY") throw error;
    copyFileSync(part, target);
  }
}

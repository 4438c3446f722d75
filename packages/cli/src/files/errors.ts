/** Errors of the file system, and what to do about them. */
import { isPptError, PptError } from "@ppt-vit/core";

/** What to do about an error of the file system; OPTION is what named the file. */
const advice: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full: free space, or choose another OPTION",
  EDQUOT: "the disk quota is used up: free space, or choose another OPTION",
  EFBIG: "the file would exceed what this file system or process may write: choose another OPTION",
  EACCES: "not writable: choose another OPTION, or change its permissions",
  EPERM: "not writable: choose another OPTION, or change its permissions",
  EROFS: "lies on a read-only file system: choose another OPTION",
  ENOENT: "its folder does not exist: make it, or choose another OPTION",
  ENOTDIR: "a part of this path is a file: choose another OPTION",
  EEXIST: "a part of this path is a file: choose another OPTION",
  EISDIR: "is a folder, not a file: choose another OPTION",
  ENOTEMPTY: "was filled by somebody else meanwhile: choose another OPTION",
  ENAMETOOLONG: "the name is too long: choose another OPTION",
  ELOOP: "its symbolic links lead in a circle: choose another OPTION",
};

/** `ENOENT` and the like; undefined where the error has none. */
export const codeOf = (cause: unknown): unknown => (cause instanceof Error && "code" in cause ? cause.code : undefined);

/** An error of the file system while `path` was written, with what to do about it; others as they are. */
export function writeError(path: string, cause: unknown, option = "--out"): unknown {
  const code = codeOf(cause);
  if (isPptError(cause) || code === undefined) return cause;
  const what = advice[String(code)]?.replace("OPTION", option) ?? "cannot be written";
  return new PptError("WRITE_FAILED", `${path === "" ? "''" : path}: ${what} (${code})`, { cause });
}

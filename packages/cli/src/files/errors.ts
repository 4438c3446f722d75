/** Turns errors of the file system into errors that say what to do. */
import { isPptError, PptError, writeProblem } from "@ppt-vit/core";

/** The error's code, such as `ENOENT`; undefined if it has none. */
export const codeOf = (cause: unknown): unknown => (cause instanceof Error && "code" in cause ? cause.code : undefined);

/** What the user can do about an error of the file system. `option` is the option that named the file. */
function adviceFor(code: unknown, option: string): string {
  const other = `choose another ${option}`;
  if (code === "ENOSPC" || code === "EDQUOT") return `free space, or ${other}`;
  if (code === "EACCES" || code === "EPERM") return `${other}, or change its permissions`;
  return code === "ENOENT" ? `make it, or ${other}` : other;
}

/** A WRITE_FAILED error with advice, for an error of the file system while `path` was written. Returns other errors unchanged. */
export function writeError(path: string, cause: unknown, option = "--out"): unknown {
  const code = codeOf(cause);
  if (isPptError(cause) || code === undefined) return cause;
  const problem = writeProblem(code);
  const what = problem === undefined ? "cannot be written" : `${problem}: ${adviceFor(code, option)}`;
  return new PptError("WRITE_FAILED", `${path === "" ? "''" : path}: ${what} (${code})`, { cause });
}

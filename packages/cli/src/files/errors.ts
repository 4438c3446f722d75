/** Errors of the file system, and what to do about them. */
import { isPptError, PptError, writeProblem } from "@ppt-vit/core";

/** `ENOENT` and the like; undefined where the error has none. */
export const codeOf = (cause: unknown): unknown => (cause instanceof Error && "code" in cause ? cause.code : undefined);

/** What to do about an error of the file system; `option` is what named the file. */
function adviceFor(code: unknown, option: string): string {
  const other = `choose another ${option}`;
  if (code === "ENOSPC" || code === "EDQUOT") return `free space, or ${other}`;
  if (code === "EACCES" || code === "EPERM") return `${other}, or change its permissions`;
  return code === "ENOENT" ? `make it, or ${other}` : other;
}

/** An error of the file system while `path` was written, with what to do about it; others as they are. */
export function writeError(path: string, cause: unknown, option = "--out"): unknown {
  const code = codeOf(cause);
  if (isPptError(cause) || code === undefined) return cause;
  const problem = writeProblem(code);
  const what = problem === undefined ? "cannot be written" : `${problem}: ${adviceFor(code, option)}`;
  return new PptError("WRITE_FAILED", `${path === "" ? "''" : path}: ${what} (${code})`, { cause });
}

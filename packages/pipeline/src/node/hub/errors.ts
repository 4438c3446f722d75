/** Errors of writing to the cache. */
import { isPptError, PptError, writeProblem } from "@ppt-vit/core";

/** PptError WRITE_FAILED for an error of the file system; any other error unchanged. */
export function writeError(path: string, cause: unknown): unknown {
  if (isPptError(cause) || !(cause instanceof Error) || !("code" in cause)) return cause;
  const problem = writeProblem(cause.code) ?? "cannot be written";
  return new PptError(
    "WRITE_FAILED",
    `${path}: ${problem} (${String(cause.code)}): free space, or choose another folder with cacheDir or HF_HUB_CACHE`,
    { cause },
  );
}

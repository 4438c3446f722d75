/** What it means when the cache cannot be written. */
import { isPptError, PptError, writeProblem } from "@ppt-vit/core";

/** @returns PptError WRITE_FAILED for errors of the file system, others as they are */
export function writeError(path: string, cause: unknown): unknown {
  if (isPptError(cause) || !(cause instanceof Error) || !("code" in cause)) return cause;
  const problem = writeProblem(cause.code) ?? "cannot be written";
  return new PptError(
    "WRITE_FAILED",
    `${path}: ${problem} (${String(cause.code)}): free space, or choose another folder with cacheDir or HF_HUB_CACHE`,
    { cause },
  );
}

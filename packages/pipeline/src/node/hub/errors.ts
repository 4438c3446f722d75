/** What it means when the cache cannot be written. */
import { isPptError, PptError } from "@ppt-vit/core";

const advice: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EACCES: "not writable",
  EPERM: "not writable",
  EROFS: "lies on a read-only file system",
  ENOTDIR: "a part of this path is a file",
  EEXIST: "a part of this path is a file",
};

/** @returns PptError WRITE_FAILED for errors of the file system, others as they are */
export function writeError(path: string, cause: unknown): unknown {
  if (isPptError(cause) || !(cause instanceof Error) || !("code" in cause)) return cause;
  const message = advice[String(cause.code)] ?? "cannot be written";
  return new PptError(
    "WRITE_FAILED",
    `${path}: ${message} (${String(cause.code)}): free space, or choose another folder with cacheDir or HF_HUB_CACHE`,
    { cause },
  );
}

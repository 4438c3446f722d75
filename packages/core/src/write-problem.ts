/** Reasons why a file could not be written, for messages of WRITE_FAILED. */

const problems: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would exceed what this file system or process may write",
  EACCES: "not writable",
  EPERM: "not writable",
  EROFS: "lies on a read-only file system",
  ENOENT: "its folder does not exist",
  ENOTDIR: "a part of this path is a file",
  EEXIST: "a part of this path is a file",
  EISDIR: "is a folder, not a file",
  ENOTEMPTY: "was filled by somebody else meanwhile",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "its symbolic links lead in a circle",
};

/** The meaning of a file system error's POSIX code, in words about the file. Undefined for unknown codes. */
export const writeProblem = (code: unknown): string | undefined => problems[String(code)];

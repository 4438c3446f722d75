/** Writes files completely or not at all. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { PptError, writeProblem } from "@ppt-vit/core";

/**
 * Writes a file completely or not at all: the data goes to a temporary file beside it, reaches the disk, and then takes its name.
 * @throws PptError WRITE_FAILED
 */
export function writeWhole(path: string, data: string | Uint8Array): void {
  const part = `${path}.part`;
  try {
    const file = openSync(part, "w");
    try {
      const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(part, path);
  } catch (cause) {
    rmSync(part, { force: true });
    throw writeFailure(path, cause);
  }
}

/** A WRITE_FAILED for an error of the file system. */
export function writeFailure(path: string, cause: unknown): PptError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const what = writeProblem(code) ?? code ?? String(cause);
  return new PptError("WRITE_FAILED", `${path}: cannot be written (${what})`, { cause });
}

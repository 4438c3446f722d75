/** Writes several files, each in pieces and completely or not at all, so that they survive a crash of the machine. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf, writeError } from "./errors.js";

/** A file on its way: the name under which it is written, and its final one. */
export interface FileNames {
  readonly draft: string;
  readonly path: string;
}

/**
 * Gives `write` a function for each file that appends bytes to it. Afterwards the files are on the disk and get their names, in order.
 * If anything fails, no draft stays.
 * @throws PptError WRITE_FAILED that names the file; what `write` throws
 */
export async function writeFilesWhole(
  names: readonly FileNames[],
  write: (sinks: readonly ((bytes: Uint8Array) => void)[]) => void | Promise<void>,
  option = "--out",
): Promise<void> {
  const open = new Map<FileNames, number>();
  const trying = <R>({ path }: FileNames, action: () => R): R => {
    try {
      return action();
    } catch (cause) {
      throw writeError(path, cause, option);
    }
  };
  const sinkOf = (file: FileNames) => (bytes: Uint8Array) =>
    trying(file, () => {
      for (let done = 0; done < bytes.length; ) done += writeSync(open.get(file)!, bytes, done, bytes.length - done);
    });
  try {
    for (const file of names)
      open.set(
        file,
        trying(file, () => openSync(file.draft, "w")),
      );
    await write(names.map(sinkOf));
    for (const [file, descriptor] of open) {
      trying(file, () => fsyncSync(descriptor));
      closeSync(descriptor);
      open.delete(file);
    }
    for (const file of names) trying(file, () => renameSync(file.draft, file.path));
    for (const folder of new Set(names.map(({ path }) => dirname(path)))) syncFolder(folder);
  } finally {
    for (const descriptor of open.values()) closeSync(descriptor);
    for (const { draft } of names) rmSync(draft, { force: true });
  }
}

/** Makes new names in a folder last. Windows and some network file systems cannot, and need not. */
export function syncFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, "r");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (codeOf(error) === "EIO" || codeOf(error) === "ENOSPC") throw writeError(folder, error);
  }
}

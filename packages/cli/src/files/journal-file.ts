/** A file of JSON lines that grows line by line, each on the disk before the next, so that an interrupted command goes on from it. */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, statSync, writeSync } from "node:fs";
import { PptError } from "@ppt-vit/core";
import { complainer } from "../documents/schema.js";
import { plainStat } from "./write-file.js";

export interface JournalFile<Found> {
  /** What `read` gave; undefined for a file that was not there. */
  readonly found: Found | undefined;
  append(line: unknown): void;
  close(): void;
}

export interface JournalOptions<Found> {
  /** The first line of a new journal. */
  readonly header: unknown;
  /** The end of an error message: what to do about a file that is no journal. */
  readonly remedy: string;
  /** Reads what is there. `bytes` are those of its complete lines; what follows them is cut off. */
  read(): Found;
  /** Called before anything is written. Throws where this process may not write any more. */
  requireOwner?(): void;
}

/**
 * Opens a journal or starts one. If the last line is cut off, it is dropped. A file that `read` refuses stays as it was.
 * @throws PptError INVALID_INPUT for what is no file; WRITE_FAILED; what `read` and `requireOwner` throw
 */
export function openJournalFile<Found extends { readonly bytes: number }>(
  path: string,
  { header, remedy, read, requireOwner = () => {} }: JournalOptions<Found>,
): JournalFile<Found> {
  const writing = <R>(action: () => R): R => {
    try {
      return action();
    } catch (cause) {
      throw new PptError("WRITE_FAILED", `${path}: cannot be written (${(cause as NodeJS.ErrnoException).code})`, {
        cause,
      });
    }
  };
  // Checked before opening: opening a pipe would wait, and reading a device would not end.
  const there = writing(() => statSync(path, { ...plainStat, throwIfNoEntry: false }));
  if (there && !there.isFile()) complainer(path)("", `is no file${remedy}`);
  const found = there && read();
  const bytes = found?.bytes ?? 0;
  requireOwner();
  const file = writing(() => openSync(path, "a"));
  const append = (line: unknown) => {
    requireOwner();
    writing(() => {
      writeSync(file, `${JSON.stringify(line)}\n`);
      fsyncSync(file);
    });
  };
  try {
    if (fstatSync(file).size > bytes) writing(() => ftruncateSync(file, bytes));
    if (bytes === 0) append(header);
    return { found, append, close: () => closeSync(file) };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** A picture of a job, as a listing finds it: data only, so that another process can be told to read it. */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PptError } from "@ppt-vit/core";
import { type DecodeOptions, readPictureBytes } from "@ppt-vit/pipeline";
import { codeOf } from "../../files/errors.js";

export interface Item {
  /** What the column `path` holds. */
  readonly name: string;
  /** The path of its file; the address of a `file:` URL for a path that is not valid UTF-8. */
  readonly file: string;
  /** Where it is in an archive: its first byte and how many it has. */
  readonly range?: readonly [start: number, bytes: number];
  /** What is wrong with it, where the listing already saw that. */
  readonly problem?: string;
}

/** The largest picture in an archive, in bytes: as for files. */
const mostBytes = 64 * 2 ** 20;

/** Codes of a disk or a server that is gone. Such a picture is not to blame. */
const gone: readonly unknown[] = [
  "EIO",
  "ESTALE",
  "ENOTCONN",
  "ENODEV",
  "ENXIO",
  "EHOSTDOWN",
  "ETIMEDOUT",
  "EMFILE",
  "ENFILE",
];

/** The work must stop: what was found is not about one picture. */
export class Stop extends Error {
  constructor(
    message: string,
    readonly code: "NOT_FOUND" | "WRITE_FAILED" = "NOT_FOUND",
  ) {
    super(message);
  }
}

/** A folder or an archive that holds pictures, as it was when they were listed. */
export interface Root {
  readonly path: string;
  /** Its device and its number there. A mount point stays when its disk is gone, and is another folder then. */
  readonly id: string | undefined;
}

export const rootAt = (path: string): Root => ({ path, id: idOf(path) });

function idOf(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev} ${found.ino}`;
}

/**
 * @param roots the folders and archives that were given: if one of them is gone, so is what it held
 * @throws PptError about this picture; Stop if the disk is gone
 */
export async function readItem(item: Item, roots: readonly Root[], options: DecodeOptions): Promise<Uint8Array> {
  const { name, file, range, problem } = item;
  if (problem !== undefined) throw new PptError("INVALID_INPUT", `${JSON.stringify(name).slice(1, -1)}: ${problem}`);
  try {
    if (range) return readRange(item, range);
    return await readPictureBytes(file.startsWith("file:") ? new URL(file) : file, options);
  } catch (error) {
    const code = codeOf(error instanceof PptError ? error.cause : error);
    const lost = code === "ENOENT" ? roots.find(({ path, id }) => id !== undefined && idOf(path) !== id) : undefined;
    if (lost !== undefined) throw new Stop(`${lost.path} is not there any more (${code})`);
    if (gone.includes(code)) throw new Stop(`${file} cannot be read (${code})`);
    throw error;
  }
}

function readRange({ name, file }: Item, [start, length]: readonly [number, number]): Uint8Array {
  const what = JSON.stringify(name).slice(1, -1);
  if (length > mostBytes)
    throw new PptError("INVALID_IMAGE", `${what}: ${length} bytes, at most ${mostBytes} are read of a picture`);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file.startsWith("file:") ? fileURLToPath(file) : file, "r");
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; ) {
      const read = readSync(descriptor, bytes, at, length - at, start + at);
      if (read === 0) throw new PptError("INVALID_INPUT", `${what}: ${file} ends within this picture: it was cut off`);
      at += read;
    }
    return bytes;
  } catch (cause) {
    if (cause instanceof PptError) throw cause;
    throw new PptError("NOT_FOUND", `${what}: cannot be read (${codeOf(cause)})`, { cause });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

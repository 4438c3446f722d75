/** Reads text files from users and other programs: UTF-8, of limited size, and without waiting for ever. */
import { isUtf8 } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";
import { PptError } from "@ppt-vit/core";
import { plainStat } from "../files/write-file.js";

/** Bytes of one read. */
const chunkBytes = 2 ** 20;
/** Reading a pipe fails if nothing is written to it for this long. */
const silenceMs = 10_000;
const pauseMs = 5;

/**
 * Reads a file in chunks, at most `mostBytes` in all. Bytes are counted while reading, because pipes and devices have no size.
 * @throws PptError NOT_FOUND if it cannot be read; INVALID_INPUT if it is longer, or is a pipe without a writer
 */
export function* readChunks(path: string, mostBytes: number): Generator<Uint8Array> {
  const fail = (problem: string): never => {
    throw new PptError("INVALID_INPUT", `${path}: ${problem}`);
  };
  const reading = <R>(action: () => R): R => {
    try {
      return action();
    } catch (cause) {
      throw new PptError("NOT_FOUND", `${path}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
    }
  };
  const found = reading(() => statSync(path, plainStat));
  const size = Number(found.size);
  if (found.isDirectory()) throw new PptError("NOT_FOUND", `${path}: cannot be read (EISDIR)`);
  if (found.isFile() && size > mostBytes) fail(`${size} bytes, at most ${mostBytes} are read of such a file`);
  // Without O_NONBLOCK, opening a pipe waits for a writer, and reading waits for data.
  const flags = constants.O_RDONLY | (found.isFile() ? 0 : (constants.O_NONBLOCK ?? 0));
  const file = reading(() => openSync(path, flags));
  try {
    const isPipe = fstatSync(file, plainStat).isFIFO();
    let total = 0;
    for (let silentMs = 0; ; ) {
      // Asks for one byte more than the file has, to notice its end.
      const chunk = Buffer.allocUnsafe(
        found.isFile() ? Math.min(chunkBytes, Math.max(0, size - total) + 1) : chunkBytes,
      );
      const read = reading(() => readIfReady(file, chunk));
      if (read === undefined) {
        if (silentMs >= silenceMs) fail(`a pipe into which nothing was written for ${silenceMs / 1000} s`);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
        silentMs += pauseMs;
        continue;
      }
      if (read === 0) {
        if (isPipe && total === 0) fail("a pipe into which nobody writes");
        return;
      }
      silentMs = 0;
      total += read;
      if (total > mostBytes) fail(`more than ${mostBytes} bytes, the most that is read of such a file`);
      yield chunk.subarray(0, read);
    }
  } finally {
    closeSync(file);
  }
}

/** Undefined if a pipe has a writer but no data yet. */
function readIfReady(file: number, chunk: Uint8Array): number | undefined {
  try {
    return readSync(file, chunk);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return undefined;
    throw error;
  }
}

/**
 * Reads a whole text file. A byte order mark, which editors on Windows write, is skipped.
 * @throws PptError NOT_FOUND; INVALID_INPUT if it is too long or not UTF-8
 */
export const readText = (path: string, mostBytes: number): string =>
  decodeText(Buffer.concat([...readChunks(path, mostBytes)]), path);

/** @throws PptError INVALID_INPUT that names the first line which is not UTF-8 */
export function decodeText(bytes: Uint8Array, where: string): string {
  if (isUtf8(bytes)) return new TextDecoder().decode(bytes);
  const [first, second] = bytes;
  const problem =
    (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
      ? "is a text in UTF-16: save it as UTF-8"
      : `line ${lineOutsideUtf8(bytes)} is not in UTF-8: save the file as UTF-8`;
  throw new PptError("INVALID_INPUT", `${where}: ${problem}`);
}

/** The first line that is not UTF-8, counted from 1. */
function lineOutsideUtf8(bytes: Uint8Array): number {
  for (let line = 1, start = 0; ; line++) {
    const end = bytes.indexOf(0x0a, start);
    if (end < 0 || !isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}

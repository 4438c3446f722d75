/** Text files that people and programs hand to us: of a limited size, in UTF-8, and never waited for without end. */
import { isUtf8 } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";
import { PptError } from "@ppt-vit/core";
import { plainStat } from "../files/write-file.js";

/** Bytes that are read at once. */
const chunkBytes = 2 ** 20;
/** A pipe into which nobody writes for so long is given up. */
const silenceMs = 10_000;
const pauseMs = 5;

/**
 * The bytes of a file in parts, `mostBytes` in all. Bytes are counted while reading, since pipes and devices have no size.
 * @throws PptError NOT_FOUND where it cannot be read, INVALID_INPUT where it is longer, or a pipe without a writer
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
  // Opening a pipe waits for its writer, and reading for what is written, unless told not to.
  const flags = constants.O_RDONLY | (found.isFile() ? 0 : (constants.O_NONBLOCK ?? 0));
  const file = reading(() => openSync(path, flags));
  try {
    const isPipe = fstatSync(file, plainStat).isFIFO();
    let total = 0;
    for (let silentMs = 0; ; ) {
      // One byte more than a file has tells that it has no more.
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

/** Undefined where a pipe has a writer and nothing to read yet. */
function readIfReady(file: number, chunk: Uint8Array): number | undefined {
  try {
    return readSync(file, chunk);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return undefined;
    throw error;
  }
}

/**
 * A whole text. A byte order mark, as editors on Windows write it, is skipped.
 * @throws PptError NOT_FOUND, INVALID_INPUT where it is too long, or not in UTF-8
 */
export const readText = (path: string, mostBytes: number): string =>
  decodeText(Buffer.concat([...readChunks(path, mostBytes)]), path);

/** @throws PptError INVALID_INPUT that names the line which is not in UTF-8 */
export function decodeText(bytes: Uint8Array, where: string): string {
  if (isUtf8(bytes)) return new TextDecoder().decode(bytes);
  const [first, second] = bytes;
  const problem =
    (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
      ? "is a text in UTF-16: save it as UTF-8"
      : `line ${lineOutsideUtf8(bytes)} is not in UTF-8: save the file as UTF-8`;
  throw new PptError("INVALID_INPUT", `${where}: ${problem}`);
}

/** From 1. */
function lineOutsideUtf8(bytes: Uint8Array): number {
  for (let line = 1, start = 0; ; line++) {
    const end = bytes.indexOf(0x0a, start);
    if (end < 0 || !isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}

/**
 * Reads files, pipes and devices into memory. Bytes are counted as they arrive, because a device has no size and a file may
 * grow. If the first bytes are not a picture's, nothing more is read.
 */
import { type BigIntStats, close, constants, fstat, open, read, readSync } from "node:fs";
import { Socket } from "node:net";
import { isatty } from "node:tty";
import { promisify } from "node:util";
import { isPptError, PptError } from "@ppt-vit/core";
import { invalidImage, requireBytes, requireReadable } from "../pictures/formats.js";
import type { DecodeLimits } from "../pictures/options.js";
import { signatureBytes } from "../pictures/signatures.js";
import { pathOf } from "./file-path.js";

/** Longest wait for a pipe that no process has open for writing. */
export const writerWaitMs = 2000;

/** Longest wait for the next byte of a pipe. */
export const silenceMs = 30_000;

/** Longest time of reading one pipe. */
export const longestReadMs = 600_000;

/**
 * @throws PptError NOT_FOUND if it cannot be opened or read; INVALID_IMAGE for folders, terminals, silent pipes, and files
 * that are empty, too large, or no pictures
 */
export async function readPictureFile(path: string | URL, what: string, limits: DecodeLimits): Promise<Uint8Array> {
  try {
    // Without O_NONBLOCK, opening a pipe waits for a writer in a thread that cannot be ended. Windows has neither.
    const fd = await promisify(open)(pathOf(path), constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    let owned = true;
    try {
      const found = await status(fd);
      if (isatty(fd)) invalidImage(what, "a terminal, and no picture");
      // The socket will close the pipe.
      if (found.isFIFO()) owned = false;
      return await (found.isFIFO() ? readPipe(fd, what, limits) : readFile(fd, Number(found.size), what, limits));
    } finally {
      if (owned) await promisify(close)(fd);
    }
  } catch (error) {
    if (isPptError(error)) throw error;
    const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new PptError("NOT_FOUND", `${what}: cannot be read (${reason})`, { cause: error });
  }
}

/**
 * The status as big integers. Numbers would be written to an array that Node 20 shares with its module loader: after the
 * status of a pipe, an import through a symbolic link fails.
 */
const status = (fd: number) => promisify<number, { bigint: true }, BigIntStats>(fstat)(fd, { bigint: true });

async function readFile(fd: number, size: number, what: string, limits: DecodeLimits): Promise<Uint8Array> {
  if (size > limits.maxBytes) requireBytes(size, what, limits);
  const beginning = Buffer.alloc(signatureBytes);
  let length = await fill(fd, beginning, 0);
  requireReadable(beginning.subarray(0, length), what);
  // One byte more than the size, to notice a file that grows.
  let bytes = Buffer.concat([beginning], Math.max(signatureBytes, size) + 1);
  while (length >= signatureBytes) {
    length = await fill(fd, bytes, length);
    if (length > limits.maxBytes) tooMany(what, limits);
    if (length < bytes.length) break;
    bytes = Buffer.concat([bytes], Math.min(2 * length, limits.maxBytes + 1));
  }
  return bytes.subarray(0, length);
}

/** Reads up to the end of `target` or of the file. -> number of bytes in `target` */
async function fill(fd: number, target: Buffer, length: number): Promise<number> {
  while (length < target.length) {
    const { bytesRead } = await promisify(read)(fd, target, length, target.length - length, null);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

const tooMany = (what: string, { maxBytes }: DecodeLimits): never =>
  invalidImage(what, `more bytes than the limit of ${maxBytes}`);

function readPipe(fd: number, what: string, limits: DecodeLimits): Promise<Uint8Array> {
  const socket = new Socket({ fd, readable: true, writable: false });
  const chunks: Buffer[] = [];
  let length = 0;
  let recognised = false;
  return new Promise<Uint8Array>((resolve, reject) => {
    const refuse = (check: () => void) => {
      try {
        check();
      } catch (error) {
        reject(error);
        socket.destroy();
      }
    };
    const take = (chunk: Buffer) =>
      refuse(() => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > limits.maxBytes) tooMany(what, limits);
        if (recognised || length < signatureBytes) return;
        recognised = true;
        requireReadable(Buffer.concat(chunks), what);
      });
    const writerTimer = setTimeout(() => {
      if (length === 0 && !hasWriter(fd, take))
        refuse(() => invalidImage(what, `a pipe that nothing has written to for ${writerWaitMs / 1000} s`));
    }, writerWaitMs);
    const endTimer = setTimeout(
      () => refuse(() => invalidImage(what, `a pipe that had not ended after ${longestReadMs / 1000} s`)),
      longestReadMs,
    );
    socket.setTimeout(silenceMs, () =>
      refuse(() => invalidImage(what, `a pipe that nothing has come through for ${silenceMs / 1000} s`)),
    );
    socket.on("data", take);
    socket.on("error", reject);
    socket.on("end", () => {
      const bytes = Buffer.concat(chunks);
      refuse(() => requireReadable(bytes, what));
      resolve(bytes);
    });
    socket.on("close", () => {
      clearTimeout(writerTimer);
      clearTimeout(endTimer);
    });
  });
}

/** Whether a process has the pipe open for writing. If this reads a byte, it goes to `take`. */
function hasWriter(fd: number, take: (chunk: Buffer) => void): boolean {
  const byte = Buffer.alloc(1);
  try {
    // An empty pipe reads as 0 bytes if it has no writer, and as EAGAIN if it has one.
    if (readSync(fd, byte) === 0) return false;
    take(byte);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EAGAIN";
  }
}

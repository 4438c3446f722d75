/**
 * Files, pipes and devices into memory. Bytes are counted as they come, because a device has no size and a file may grow,
 * and nothing but a picture is read beyond its first bytes. Node only.
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

/** A pipe that nobody has opened for writing is waited for this long. */
export const writerWaitMs = 2000;

/** A pipe that somebody has open is waited for this long after its last byte. */
export const silenceMs = 30_000;

/** A pipe is read for so long in all, however steadily it drips. */
export const longestReadMs = 600_000;

/**
 * @throws PptError NOT_FOUND where it cannot be opened or read; INVALID_IMAGE for folders, terminals, silent pipes, what is
 * empty, too large, or begins like no picture
 */
export async function readPictureFile(path: string | URL, what: string, limits: DecodeLimits): Promise<Uint8Array> {
  try {
    // Without O_NONBLOCK the opening of a pipe waits for a writer, in a thread that nothing can end. Windows has neither.
    const fd = await promisify(open)(pathOf(path), constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    let owned = true;
    try {
      const found = await status(fd);
      if (isatty(fd)) invalidImage(what, "a terminal, and no picture");
      // From here on the socket closes it.
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
 * As big integers: the others come in memory that all of Node shares, and Node 20 looks there for the kind of another file
 * when it imports a module next. After a pipe's it finds no package through a link.
 */
const status = (fd: number) => promisify<number, { bigint: true }, BigIntStats>(fstat)(fd, { bigint: true });

async function readFile(fd: number, size: number, what: string, limits: DecodeLimits): Promise<Uint8Array> {
  if (size > limits.maxBytes) requireBytes(size, what, limits);
  const beginning = Buffer.alloc(signatureBytes);
  let length = await fill(fd, beginning, 0);
  requireReadable(beginning.subarray(0, length), what);
  // One byte more than there should be, to see that there is no more.
  let bytes = Buffer.concat([beginning], Math.max(signatureBytes, size) + 1);
  while (length >= signatureBytes) {
    length = await fill(fd, bytes, length);
    if (length > limits.maxBytes) tooMany(what, limits);
    if (length < bytes.length) break;
    bytes = Buffer.concat([bytes], Math.min(2 * length, limits.maxBytes + 1));
  }
  return bytes.subarray(0, length);
}

/** Reads up to the end of `target`, or of the file. -> how much of `target` is filled then */
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

/** Whether somebody has the pipe open for writing. A byte that comes right now goes to `take`. */
function hasWriter(fd: number, take: (chunk: Buffer) => void): boolean {
  const byte = Buffer.alloc(1);
  try {
    // Nothing to read is the end of a pipe without a writer, and EAGAIN with one.
    if (readSync(fd, byte) === 0) return false;
    take(byte);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EAGAIN";
  }
}

/** Reads files from disk, whole or in parts. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { longestSafetensorsHeader, PptError, parseSafetensors, type RandomAccessFile } from "@ppt-vit/core";
import { allocate } from "../checkpoint/allocate.js";
import type { ReadFileOptions } from "../checkpoint/files.js";
import { isWeights, mostSmallBytes } from "../hub/limits.js";

const chunkBytes = 2 ** 24;
/** As large as a processor's cache, for bytes that nobody looks at. */
const scratchBytes = 2 ** 20;
/** If a pipe takes the file's place after `stat`, `open` must not wait for its writer. */
const readWithoutWaiting = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * The bytes of the file at `path`; undefined if it is optional and missing. `name` is its name in the checkpoint. In memory
 * the tensors of a safetensors file are aligned, so that they need no copy.
 * @throws PptError NOT_FOUND if it is no file or cannot be read, INVALID_SAFETENSORS if its first bytes are those of another
 * format, OUT_OF_MEMORY
 */
export const readWhole = (path: string, name: string, options: ReadFileOptions): Promise<Uint8Array | undefined> =>
  withFile(path, options, async (handle, size) => {
    const most = isWeights(name) ? Number.MAX_SAFE_INTEGER : mostSmallBytes;
    if (size > most) fail(path, `${size} bytes are more than the ${most} that such a file may have`);
    const start = isWeights(name) ? await alignment(handle, path) : 0;
    const bytes = allocate(size, path, start);
    await readThrough(handle, path, size, options, (loaded) => bytes.subarray(loaded, loaded + chunkBytes));
    return bytes;
  });

/**
 * The safetensors file at `path`, whose parts are read when they are asked for; undefined if it is optional and missing. It
 * is read through once: that reports progress, can be aborted, and leaves the file in the system's cache, so that later
 * reads do not keep the process waiting for a disk.
 * @throws PptError NOT_FOUND if it is no file or cannot be read, INVALID_SAFETENSORS if its first bytes are those of another
 * format. `read` throws NOT_FOUND if the file is gone or was changed
 */
export const openInParts = (path: string, options: ReadFileOptions): Promise<RandomAccessFile | undefined> =>
  withFile(path, options, async (handle, size) => {
    await alignment(handle, path);
    const scratch = allocate(Math.min(size, scratchBytes), path);
    await readThrough(handle, path, size, options, (loaded) => scratch.subarray(0, size - loaded));
    const before = stampOf(await handle.stat());
    return { size, read: (begin, end, into) => readPart(path, before, begin, end, into) };
  });

/** Runs `body` on a file that was checked to be one. Its errors of the file system become NOT_FOUND. */
async function withFile<R>(
  path: string,
  { optional, signal }: ReadFileOptions,
  body: (handle: FileHandle, size: number) => Promise<R>,
): Promise<R | undefined> {
  try {
    // Checked before `open`, which would wait for the writer of a pipe.
    if (!(await stat(path)).isFile()) fail(path, "it is no file");
    const handle = await open(path, readWithoutWaiting);
    try {
      const found = await handle.stat();
      if (!found.isFile()) fail(path, "it is no file");
      return await body(handle, found.size);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    signal?.throwIfAborted();
    // Errors of the caller's progress callback pass unchanged.
    if (!isOfSystem(cause)) throw cause;
    // A missing optional file is fine, an unreadable one is not.
    return optional && (cause.code === "ENOENT" || cause.code === "ENOTDIR")
      ? undefined
      : fail(path, cause.code, cause);
  }
}

/** Reads a file of `size` bytes from its first byte to its last. `into` gives the memory for the bytes from `loaded` on. */
async function readThrough(
  handle: FileHandle,
  path: string,
  size: number,
  { signal, onProgress }: ReadFileOptions,
  into: (loaded: number) => Uint8Array,
): Promise<void> {
  for (let loaded = 0; loaded < size; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(into(loaded), { position: loaded });
    if (bytesRead === 0) fail(path, `it ended after ${loaded} of ${size} bytes: somebody is writing it`);
    loaded += bytesRead;
    onProgress?.(loaded, size);
  }
  // Files of the system itself (/proc) have a size of 0 and still hold bytes.
  if ((await handle.read(Buffer.alloc(1), 0, 1, size)).bytesRead > 0)
    fail(path, `more than its ${size} bytes came: somebody is writing it, or it is no file on a disk`);
}

/** Opened for each part, so that nobody has to close it. */
function readPart(
  path: string,
  before: string,
  begin: number,
  end: number,
  bytes: Uint8Array = allocate(end - begin, path),
): Uint8Array {
  try {
    const file = openSync(path, readWithoutWaiting);
    try {
      if (stampOf(fstatSync(file)) !== before) fail(path, "it was changed while it was read: load it again");
      for (let loaded = 0; loaded < bytes.length; ) {
        const count = readSync(file, bytes, loaded, bytes.length - loaded, begin + loaded);
        if (count === 0) fail(path, `it ended after ${begin + loaded} bytes: somebody is writing it`);
        loaded += count;
      }
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw isOfSystem(cause) ? unreadable(path, cause.code, cause) : cause;
  }
  return bytes;
}

/** Tells a file from another one in its place, and from itself after a change. */
const stampOf = ({ dev, ino, size, mtimeMs }: Awaited<ReturnType<FileHandle["stat"]>>): string =>
  [dev, ino, size, mtimeMs].join();

const isOfSystem = (cause: unknown): cause is Error & { readonly code: string } =>
  cause instanceof Error && "syscall" in cause && "code" in cause && !(cause instanceof PptError);

const unreadable = (path: string, why: string, cause?: unknown): PptError =>
  new PptError("NOT_FOUND", `${path}: cannot be read (${why})`, { cause });

function fail(path: string, why: string, cause?: unknown): never {
  throw unreadable(path, why, cause);
}

/**
 * The offset at which a safetensors file must begin so that the data after its header are aligned to float32. Refuses other
 * formats before gigabytes are read.
 */
async function alignment(handle: FileHandle, path: string): Promise<number> {
  // Enough bytes to name other formats.
  const start = Buffer.alloc(64);
  const { bytesRead } = await handle.read(start, 0, start.length, 0);
  if (bytesRead < 8 || start.readBigUInt64LE() > longestSafetensorsHeader)
    parseSafetensors(start.subarray(0, bytesRead), path);
  return Number(-start.readBigUInt64LE() & 3n);
}

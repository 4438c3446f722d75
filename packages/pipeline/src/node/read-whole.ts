/** Reads a whole file from disk. */
import { constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { longestSafetensorsHeader, PptError, parseSafetensors } from "@ppt-vit/core";
import { allocate } from "../checkpoint/allocate.js";
import type { ReadFileOptions } from "../checkpoint/files.js";
import { isWeights, mostSmallBytes } from "../hub/limits.js";

const chunkBytes = 2 ** 24;
/** If a pipe takes the file's place after `stat`, `open` must not wait for its writer. */
const readWithoutWaiting = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * The bytes of the file at `path`; undefined if it is optional and missing. `name` is its name in the checkpoint. In memory
 * the tensors of a safetensors file are aligned, so that they need no copy.
 * @throws PptError NOT_FOUND if it is no file or cannot be read, INVALID_SAFETENSORS if its first bytes are those of another
 * format, OUT_OF_MEMORY
 */
export async function readWhole(
  path: string,
  name: string,
  { optional, signal, onProgress }: ReadFileOptions,
): Promise<Uint8Array | undefined> {
  const fail = (why: string, cause?: unknown): never => {
    throw new PptError("NOT_FOUND", `${path}: cannot be read (${why})`, { cause });
  };
  try {
    // Checked before `open`, which would wait for the writer of a pipe.
    if (!(await stat(path)).isFile()) fail("it is no file");
    const handle = await open(path, readWithoutWaiting);
    try {
      const found = await handle.stat();
      if (!found.isFile()) fail("it is no file");
      const { size } = found;
      const most = isWeights(name) ? Number.MAX_SAFE_INTEGER : mostSmallBytes;
      if (size > most) fail(`${size} bytes are more than the ${most} that such a file may have`);
      const start = isWeights(name) ? await alignment(handle, path) : 0;
      const bytes = allocate(size, path, start);
      for (let loaded = 0; loaded < size; ) {
        signal?.throwIfAborted();
        const { bytesRead } = await handle.read(bytes, loaded, Math.min(chunkBytes, size - loaded), loaded);
        if (bytesRead === 0) fail(`it ended after ${loaded} of ${size} bytes: somebody is writing it`);
        loaded += bytesRead;
        onProgress?.(loaded, size);
      }
      // Files of the system itself (/proc) have a size of 0 and still hold bytes.
      if ((await handle.read(Buffer.alloc(1), 0, 1, size)).bytesRead > 0)
        fail(`more than its ${size} bytes came: somebody is writing it, or it is no file on a disk`);
      return bytes;
    } finally {
      await handle.close();
    }
  } catch (cause) {
    signal?.throwIfAborted();
    // Errors of the caller's progress callback pass unchanged.
    if (cause instanceof PptError || !(cause instanceof Error && "syscall" in cause)) throw cause;
    const reason = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    // A missing optional file is fine, an unreadable one is not.
    return optional && (reason === "ENOENT" || reason === "ENOTDIR") ? undefined : fail(reason, cause);
  }
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

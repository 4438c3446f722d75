/** Reads a file from disk into memory, once. Node only. */
import { type FileHandle, open, stat } from "node:fs/promises";
import { PptError, parseSafetensors } from "@ppt-vit/core";
import type { ReadFileOptions } from "./checkpoint.js";
import { mostBytes } from "./hub/request.js";

const chunkBytes = 2 ** 24;

/**
 * The bytes of the file `name`, which lies at `path`; in memory they lie once. Those of a safetensors file lie so that its tensors are aligned, and can
 * be used where they are.
 * @throws PptError NOT_FOUND where it is no file or cannot be read, INVALID_SAFETENSORS where its first bytes tell that
 * it is none, OUT_OF_MEMORY; undefined where it is optional and missing
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
    // Before it is opened: opening a pipe would wait for its writer.
    if (!(await stat(path)).isFile()) fail("it is no file");
    const handle = await open(path);
    try {
      const { size } = await handle.stat();
      if (size > mostBytes(name)) fail(`${size} bytes are more than the ${mostBytes(name)} that such a file may have`);
      const start = name.endsWith(".safetensors") ? await alignment(handle, path) : 0;
      const bytes = allocate(start, size, path);
      for (let loaded = 0; loaded < size; ) {
        signal?.throwIfAborted();
        const { bytesRead } = await handle.read(bytes, loaded, Math.min(chunkBytes, size - loaded), loaded);
        if (bytesRead === 0) fail(`it ended after ${loaded} of ${size} bytes: somebody is writing it`);
        loaded += bytesRead;
        onProgress?.(loaded, size);
      }
      return bytes;
    } finally {
      await handle.close();
    }
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof PptError) throw cause;
    const reason = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    // Absent is fine, unreadable is not.
    return optional && reason === "ENOENT" ? undefined : fail(reason, cause);
  }
}

/** The longest header that a safetensors file may have. */
const longestHeader = 100_000_000n;

/**
 * Where a safetensors file must begin for the data behind its header to be aligned to float32. Refuses what cannot be one
 * before gigabytes are read.
 */
async function alignment(handle: FileHandle, path: string): Promise<number> {
  const length = Buffer.alloc(8);
  const { bytesRead } = await handle.read(length, 0, length.length, 0);
  if (bytesRead < length.length || length.readBigUInt64LE() > longestHeader)
    parseSafetensors(length.subarray(0, bytesRead), path);
  return Number(-length.readBigUInt64LE() & 3n);
}

function allocate(start: number, size: number, path: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(new ArrayBuffer(start + size), start);
  } catch (cause) {
    throw new PptError("OUT_OF_MEMORY", `${path}: its ${size} bytes do not fit into memory`, { cause });
  }
}

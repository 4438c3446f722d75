/**
 * A part file holds the bytes of a download that have arrived. Every download writes a part file of its own, so that no
 * locks are needed. It starts with a copy of the longest part that a broken download left. A whole file with the right
 * hash is renamed to its blob in one step.
 */
import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, type FileHandle, lstat, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ContentHash } from "../../hub/request.js";
import { blobPath, isFile, type ModelCache, readyFolder } from "./cache.js";
import { writeError } from "./errors.js";

export interface Part {
  readonly hash: ContentHash;
  /** Number of bytes that have arrived. */
  readonly bytes: number;
  /** Drops the bytes after the first `bytes`. @throws PptError WRITE_FAILED */
  cutTo(bytes: number): Promise<void>;
  /** @throws PptError WRITE_FAILED */
  append(chunk: Uint8Array): Promise<void>;
  /** Hash of the bytes that have arrived, read from the disk. */
  digest(signal: AbortSignal | undefined): Promise<string>;
  /** Renames the file to its blob. Call it only after the hash was checked. @throws PptError WRITE_FAILED */
  keep(): Promise<void>;
  /** Closes the file. It stays on the disk, for the next download of the same content. */
  close(): Promise<void>;
}

const partName = (hash: string) => `${hash}.${randomBytes(8).toString("hex")}.ppt-vit-part`;
const isPartOf = (hash: string, name: string) => name.startsWith(`${hash}.`) && name.endsWith(".ppt-vit-part");
/** A part file untouched for 10 minutes is abandoned. */
const abandonedMs = 10 * 60_000;

/** @throws PptError WRITE_FAILED */
export async function openPart(cache: ModelCache, hash: ContentHash): Promise<Part> {
  const blobs = join(cache.folder, "blobs");
  await readyFolder(cache, blobs);
  const path = join(blobs, partName(hash.hex));
  let handle: FileHandle;
  let bytes: number;
  try {
    // Another process may still write it. Its copy is a valid start all the same, since part files only grow.
    const left = await longestPart(blobs, hash.hex);
    const copied = left !== undefined && (await copyOf(left.path, path));
    if (copied && Date.now() - left.modifiedMs > abandonedMs) await rm(left.path, { force: true });
    handle = await open(path, copied ? "r+" : "wx+");
    bytes = (await handle.stat()).size;
  } catch (cause) {
    await rm(path, { force: true });
    throw writeError(path, cause);
  }
  let closed = false;

  const part = {
    hash,
    get bytes() {
      return bytes;
    },
    async cutTo(length: number) {
      await handle.truncate(length).catch((cause) => Promise.reject(writeError(path, cause)));
      bytes = length;
    },
    async append(chunk: Uint8Array) {
      try {
        for (let written = 0; written < chunk.length; ) {
          const { bytesWritten } = await handle.write(chunk, written, chunk.length - written, bytes);
          written += bytesWritten;
          bytes += bytesWritten;
        }
      } catch (cause) {
        throw writeError(path, cause);
      }
    },
    async digest(signal: AbortSignal | undefined) {
      const digest = createHash(hash.algorithm === "sha256" ? "sha256" : "sha1");
      if (hash.algorithm === "git-sha1") digest.update(`blob ${bytes}\0`);
      // Read through the handle: another process may have finished first and removed the name.
      const block = Buffer.allocUnsafe(2 ** 20);
      for (let at = 0; at < bytes; ) {
        signal?.throwIfAborted();
        const { bytesRead } = await handle.read(block, 0, Math.min(block.length, bytes - at), at);
        if (bytesRead === 0) break;
        digest.update(block.subarray(0, bytesRead));
        at += bytesRead;
      }
      return digest.digest("hex");
    },
    async keep() {
      try {
        await handle.sync();
        await part.close();
        await rename(path, blobPath(cache, hash.hex));
      } catch (cause) {
        // Another process was faster. Its blob has the same checked hash.
        if (!(await isFile(blobPath(cache, hash.hex)))) throw writeError(path, cause);
      }
      for (const name of await readdir(blobs))
        if (isPartOf(hash.hex, name)) await rm(join(blobs, name), { force: true }).catch(() => {}); // in use elsewhere
    },
    async close() {
      if (closed) return;
      closed = true;
      await handle.close();
      if (bytes === 0) await rm(path, { force: true });
    },
  };
  return part;
}

/** Copies a part file. -> false if it is gone, because its writer has finished */
const copyOf = (from: string, to: string): Promise<boolean> =>
  copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return false;
      throw error;
    },
  );

/** The longest part file for a hash. Links are skipped. */
async function longestPart(blobs: string, hash: string): Promise<{ path: string; modifiedMs: number } | undefined> {
  let longest: { path: string; modifiedMs: number; bytes: number } | undefined;
  for (const name of await readdir(blobs)) {
    if (!isPartOf(hash, name)) continue;
    const path = join(blobs, name);
    const found = await lstat(path).catch(() => undefined); // gone meanwhile
    if (found?.isFile() && found.size > (longest?.bytes ?? 0))
      longest = { path, modifiedMs: found.mtimeMs, bytes: found.size };
  }
  return longest;
}

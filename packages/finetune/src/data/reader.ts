/** Reads pictures in other threads, so that they are decoded while the model computes. */
import { Worker } from "node:worker_threads";
import { PptError, type PptErrorCode } from "@ppt-vit/core";
import { type Reading, readVersion, type Version } from "./picture.js";
import type { ThreadReply, ThreadRequest } from "./picture-thread.js";

export interface PictureReader {
  /** @throws PptError NOT_FOUND, INVALID_IMAGE */
  read(version: Version): Promise<Float32Array>;
  close(): Promise<void>;
}

/** With 0 threads, pictures are read in this one. */
export function openReader(reading: Reading, threads: number): PictureReader {
  if (threads === 0) return { read: (version) => readVersion(version, reading), close: async () => {} };
  const waiting = new Map<number, { resolve(pixels: Float32Array): void; reject(error: Error): void }>();
  const failAll = (error: Error) => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  const workers = Array.from({ length: threads }, () => {
    const worker = new Worker(new URL("./picture-thread.js", import.meta.url), { workerData: reading });
    worker.on("message", ({ id, ...reply }: ThreadReply) => {
      const { resolve, reject } = waiting.get(id)!;
      waiting.delete(id);
      if ("pixels" in reply) resolve(reply.pixels);
      else reject(new PptError(reply.code as PptErrorCode, reply.message));
    });
    worker.on("error", failAll);
    return worker;
  });
  let next = 0;
  return {
    read(version) {
      const id = next++;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        workers[id % workers.length]!.postMessage({ id, ...version } satisfies ThreadRequest);
      });
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

/** Threads that decode pictures while a runtime keeps the main one: what is asked for ahead needs nothing of it any more. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { budgetMemory } from "./decode-budget.js";
import type { Decoded, DecodeReply, DecodeRequest, DecodeWorkerData } from "./decode-worker.js";

export interface DecodePool {
  decode(path: string): Promise<Decoded>;
  close(): Promise<void>;
}

/** More threads than this outrun any model. */
const mostThreads = 16;

/** Pixels of all threads together: two of the largest pictures that are read by default, and more of usual ones than there are threads. */
const mostBytesDecoded = 512 * 2 ** 20;

export function openDecodePool(work: Omit<DecodeWorkerData, "budget">): DecodePool {
  const workerData: DecodeWorkerData = { ...work, budget: { memory: budgetMemory(), most: mostBytesDecoded } };
  const waiting = new Map<number, { resolve(decoded: Decoded): void; reject(error: Error): void }>();
  const failAll = (error: Error) => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  const workers = Array.from({ length: Math.min(availableParallelism(), mostThreads) }, () => {
    const worker = new Worker(new URL("./decode-worker.js", import.meta.url), { workerData });
    worker.on("message", ({ id, ...decoded }: DecodeReply) => {
      waiting.get(id)!.resolve(decoded);
      waiting.delete(id);
    });
    worker.on("error", failAll);
    return worker;
  });
  let next = 0;
  return {
    decode(path) {
      const id = next++;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        // In turns rather than to whoever is free: that would need this thread, which a run may keep.
        workers[id % workers.length]!.postMessage({ id, path } satisfies DecodeRequest);
      });
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

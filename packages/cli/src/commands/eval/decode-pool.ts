/** Threads that decode pictures. They go on while a runtime blocks the main thread, because pictures are requested ahead. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { budgetMemory } from "./decode-budget.js";
import type { Decoded, DecodeReply, DecodeRequest, DecodeWorkerData } from "./decode-worker.js";

export interface DecodePool {
  decode(path: string): Promise<Decoded>;
  close(): Promise<void>;
}

/** So many threads decode faster than any model computes. */
const mostThreads = 16;

/**
 * Bytes of pixels that all threads may hold together: enough for two of the largest pictures that are read by default, and for
 * one picture of usual size per thread.
 */
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
        // In turns. Giving work to an idle worker would need this thread, which a run of the model may block.
        workers[id % workers.length]!.postMessage({ id, path } satisfies DecodeRequest);
      });
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

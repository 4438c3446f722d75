/** A thread that keeps the claim of this process fresh: the main thread cannot while a model computes on it. */
import { futimesSync } from "node:fs";
import { workerData } from "node:worker_threads";
import { type Beat, withBeat } from "./beat.js";

const { memory, everyMs } = workerData as Beat;

setInterval(
  () =>
    withBeat(memory, (state) => {
      if (state[1]! < 0) return;
      const now = Date.now() / 1000;
      try {
        futimesSync(state[1]!, now, now);
      } catch {
        // The disk is gone: the main thread will notice when it writes.
      }
    }),
  everyMs,
);

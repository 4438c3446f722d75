/** The thread of a pulse. */
import { futimesSync, writeSync } from "node:fs";
import { workerData } from "node:worker_threads";
import { type Beat, idle, watchSteps, withBeat } from "./beat.js";

const { memory, everyMs, stallMs } = workerData as Beat;
const isMoving = watchSteps(stallMs, 2 * everyMs);

setInterval(
  () =>
    withBeat(memory, (state) => {
      const file = state[1]!;
      // NaN differs from every count, so that waiting for other workers is no hanging.
      if (!isMoving(file === idle ? Number.NaN : Atomics.load(state, 2), performance.now())) end();
      if (file < 0) return;
      const now = Date.now() / 1000;
      try {
        futimesSync(file, now, now);
      } catch {
        // The disk is gone: the main thread will notice when it writes.
      }
    }),
  everyMs,
);

/** Signals that can be handled would wait for the main thread. */
function end(): never {
  try {
    writeSync(
      2,
      `ppt-vit: no picture got done for ${stallMs / 1000} s (--stall): this process ends itself, and its part becomes free. Run the same command again\n`,
    );
  } finally {
    process.kill(process.pid, "SIGKILL");
  }
  throw new Error("ended");
}

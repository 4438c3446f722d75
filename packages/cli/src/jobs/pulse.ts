/**
 * The pulse of a worker: a thread that keeps its claim fresh, because the main thread cannot while a model computes on it. It does so
 * only while pictures get done. A worker that hangs is ended by its own thread, so that its part becomes free and its engine starts it
 * again.
 */
import { Worker } from "node:worker_threads";
import { type Beat, claimless, idle, withBeat } from "./beat.js";

export interface Pulse {
  /** From now on steps are expected. @param file the open claim, if there is one */
  hold(file?: number): void;
  /** No steps are expected any more. The caller may close the claim. */
  drop(): void;
  /** A step was made. */
  step(): void;
  close(): void;
}

/**
 * @param leaseMs how long others believe a claim that does not change
 * @param stallMs how long a step may take before the process is ended
 */
export function startPulse(leaseMs: number, stallMs: number): Pulse {
  const memory = new SharedArrayBuffer(12);
  const state = new Int32Array(memory);
  state[1] = idle;
  const beat: Beat = { memory, everyMs: Math.max(50, Math.min(leaseMs, stallMs) / 5), stallMs };
  let thread: Worker | undefined;
  const set = (file: number) =>
    withBeat(memory, () => {
      state[1] = file;
    });
  return {
    hold(file = claimless) {
      if (!thread) {
        thread = new Worker(new URL("./heartbeat.js", import.meta.url), { workerData: beat });
        thread.unref();
      }
      Atomics.add(state, 2, 1);
      set(file);
    },
    drop: () => set(idle),
    step: () => void Atomics.add(state, 2, 1),
    close: () => void thread?.terminate(),
  };
}

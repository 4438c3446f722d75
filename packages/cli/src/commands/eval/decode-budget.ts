/** Limits the bytes that several threads hold together. A thread that would exceed the limit waits until others give bytes back. */

/** Counted in KiB, so that 32 bits are enough. */
const kib = (bytes: number): number => Math.ceil(bytes / 1024);

export interface ByteBudget {
  /**
   * Takes bytes; blocks the thread until they fit. Do not call it on a thread for which others wait. A request that exceeds the
   * budget by itself waits until nothing else is taken.
   */
  take(bytes: number): void;
  give(bytes: number): void;
}

/** Shared memory for a budget of which nothing is taken yet. */
export const budgetMemory = (): SharedArrayBuffer => new SharedArrayBuffer(4);

/** One thread's side of a budget of `most` bytes. */
export function byteBudget(memory: SharedArrayBuffer, most: number): ByteBudget {
  const taken = new Int32Array(memory);
  return {
    take(bytes) {
      for (;;) {
        const now = Atomics.load(taken, 0);
        if (now > 0 && now + kib(bytes) > kib(most)) Atomics.wait(taken, 0, now);
        else if (Atomics.compareExchange(taken, 0, now, now + kib(bytes)) === now) return;
      }
    },
    give(bytes) {
      Atomics.sub(taken, 0, kib(bytes));
      Atomics.notify(taken, 0);
    },
  };
}

/** A number of bytes that threads share: whoever would exceed it waits until others have given theirs back. */

/** Counted in KiB, so that 32 bits are enough. */
const kib = (bytes: number): number => Math.ceil(bytes / 1024);

export interface ByteBudget {
  /** Waits, and keeps its thread: not for one that others wait for. A request that is too large by itself waits to be alone. */
  take(bytes: number): void;
  give(bytes: number): void;
}

/** Memory for a budget that nobody has taken from. */
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

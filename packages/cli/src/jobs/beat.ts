/** What the main thread and the thread of the heartbeat share: which open file is kept fresh. */

export interface Beat {
  /** Two 32-bit integers: whether one of the threads uses it, and the descriptor, or -1. */
  readonly memory: SharedArrayBuffer;
  readonly everyMs: number;
}

export const beatMemory = (): SharedArrayBuffer => {
  const memory = new SharedArrayBuffer(8);
  new Int32Array(memory)[1] = -1;
  return memory;
};

/** Calls `use` while the other thread keeps out, so that no file is closed while it is being kept fresh. */
export function withBeat(memory: SharedArrayBuffer, use: (state: Int32Array) => void): void {
  const state = new Int32Array(memory);
  while (Atomics.compareExchange(state, 0, 0, 1) !== 0) Atomics.wait(state, 0, 1);
  try {
    use(state);
  } finally {
    Atomics.store(state, 0, 0);
    Atomics.notify(state, 0);
  }
}

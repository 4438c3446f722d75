/** What the main thread and the thread of a pulse share, and how the thread tells that the main one hangs. */

export interface Beat {
  /** Three 32-bit integers: whether one of the threads uses it, the descriptor of the claim, and a count that grows with each step. */
  readonly memory: SharedArrayBuffer;
  readonly everyMs: number;
  readonly stallMs: number;
}

/** Instead of a descriptor: nothing is being done, or something is, without a claim. */
export const [idle, claimless] = [-1, -2];

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

/**
 * Tells, from look to look, whether a count still grows.
 * @param mostMs how much of the time between two looks counts: a process that was stopped, or a machine that slept, did not hang
 */
export function watchSteps(stallMs: number, mostMs: number): (count: number, now: number) => boolean {
  let [last, before, still] = [Number.NaN, 0, 0];
  return (count, now) => {
    still = count === last ? still + Math.min(now - before, mostMs) : 0;
    [last, before] = [count, now];
    return still < stallMs;
  };
}

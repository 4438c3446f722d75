/** What engines are slow at. Only speed depends on it: every way computes the same. */
export interface Habits {
  /** Products of many matrices run in a plain loop, where one product of two matrices runs in an optimised library. */
  readonly slowBatches: boolean;
  /** Broadcasting is slow in comparisons and in `tile`, and fast in arithmetic. */
  readonly slowSpread: boolean;
  /** `erf` calls a library function for each value, where arithmetic and `sigmoid` work on several values at once. */
  readonly slowErf: boolean;
}

/** Measured for eight pictures in the geometry of DeiT-Ti (README, "What it does for speed"). */
const habits: Readonly<Record<string, Habits>> = {
  wasm: { slowBatches: true, slowSpread: true, slowErf: true },
};

export const habitsOf = (engine: string): Habits =>
  habits[engine] ?? { slowBatches: false, slowSpread: false, slowErf: false };

/** Where engines of TensorFlow.js need another way to the same result. */
export interface Traits {
  /** Products of many matrices run in a plain loop, where one product of two matrices runs in an optimised library. */
  readonly slowBatches: boolean;
  /** Broadcasting is slow in comparisons and in `tile`, and fast in arithmetic. */
  readonly slowSpread: boolean;
  /** A slice first copies the whole. */
  readonly slowSlices: boolean;
  /** `erf` calls a library function for each value, where arithmetic and `sigmoid` work on several values at once. */
  readonly slowErf: boolean;
  /** Rows are added up faster where they belong than by a product with a 0/1 matrix. */
  readonly fastScatter: boolean;
  /**
   * Textures hold 2 x 2 values, and what pads an odd dimension is not zero: `equal` of two paddings is 1. A product sums
   * over it where the inner dimension is odd. Division alone clears it.
   */
  readonly dirtyPadding: boolean;
}

const none: Traits = {
  slowBatches: false,
  slowSpread: false,
  slowSlices: false,
  slowErf: false,
  fastScatter: false,
  dirtyPadding: false,
};

/** Found by measuring and by the conformance suite, with TensorFlow.js 4.22 (README, "What it does for speed"). */
const traits: Readonly<Record<string, Partial<Traits>>> = {
  wasm: { slowBatches: true, slowSpread: true, slowSlices: true, slowErf: true, fastScatter: true },
  webgl: { dirtyPadding: true },
};

export const traitsOf = (engine: string): Traits => ({ ...none, ...traits[engine] });

/** What is left where speed does not matter: what the results depend on. */
export const withoutSpeed = ({ dirtyPadding }: Traits): Traits => ({ ...none, dirtyPadding });

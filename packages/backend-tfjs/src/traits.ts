/** Properties of an engine of TensorFlow.js that make another way to the same result faster, or necessary. */
export interface Traits {
  /** Batches of matrix products run in a plain loop, while a product of two matrices runs in an optimised library. */
  readonly slowBatches: boolean;
  /** Broadcasting is slow in comparisons and in `tile`, but fast in arithmetic. */
  readonly slowSpread: boolean;
  /** A slice first copies the whole tensor. */
  readonly slowSlices: boolean;
  /** `erf` calls a library function for each value, while arithmetic and `sigmoid` process several values at once. */
  readonly slowErf: boolean;
  /** `scatterND` adds up rows faster than a product with a 0/1 matrix. */
  readonly fastScatter: boolean;
  /**
   * The padding of odd dimensions in textures of 2 x 2 values may be other than zero: `equal` of two paddings gives 1. Products
   * with an odd inner dimension then add the padding up. Only a division clears it.
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

/** Traits by engine, found by measurements and by the conformance suite (README, "Speed"). */
const traits: Readonly<Record<string, Partial<Traits>>> = {
  wasm: { slowBatches: true, slowSpread: true, slowSlices: true, slowErf: true, fastScatter: true },
  webgl: { dirtyPadding: true },
};

export const traitsOf = (engine: string): Traits => ({ ...none, ...traits[engine] });

/** The traits that results depend on, without those that only speed depends on. */
export const withoutSpeed = ({ dirtyPadding }: Traits): Traits => ({ ...none, dirtyPadding });

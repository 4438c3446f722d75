/** What a precision of weights says of itself. */
import type { HostTensor } from "../seam.js";

/** Where a linear layer stands in its model. A precision may spare layers that suffer from it. */
export type LinearPlace = "patchEmbedding" | "block" | "head";

export interface WeightDtype {
  /** As `fromPretrained({ dtype })` and `--dtype` take it, and as transformers.js calls it. */
  readonly name: string;
  /** Bits of a weight, without its share of a scale. */
  readonly bits: number;
  /** What it is, for help, documentation and errors. */
  readonly title: string;
  /** Quantises the weight [O, I] of a linear layer. Left out where weights stay as floats. */
  quantize?(weight: HostTensor, place: LinearPlace): HostTensor;
  /** Bytes that the weight [O, I] of a linear layer takes then. There if `quantize` is. */
  bytes?(O: number, I: number, place: LinearPlace): number;
}

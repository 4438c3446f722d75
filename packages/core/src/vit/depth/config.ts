/** A head that predicts depth from intermediate layers: DPT (arXiv 2103.13413), as Depth Anything has it (arXiv 2406.09414). */

/** The trait `depth` of a model. */
export interface DepthHead {
  /** `metric`: depth in metres, up to `maxDepth`. `relative`: larger is nearer, and no unit. */
  readonly kind: "relative" | "metric";
  /** The answer's factor. A metric answer lies between 0 and this. */
  readonly maxDepth: number;
  /** The blocks that the head reads, from 0, in ascending order. */
  readonly stages: readonly number[];
  /** The backbone's final norm is applied to what the head reads. */
  readonly normalized: boolean;
  /** What becomes of the class token: nothing, it is added to each patch, or a layer reads it beside each patch. */
  readonly readout: "ignore" | "add" | "project";
  /** For each stage, its channels in the neck. */
  readonly neckSizes: readonly number[];
  /** For each stage, how many times as large as the grid of patches its map is: 4, 2, 1, 0.5. */
  readonly factors: readonly number[];
  /** Channels of the maps that fusion adds up. */
  readonly fusionSize: number;
  /** The convolutions of the residual units have a bias. */
  readonly fusionBias: boolean;
  /** What fusion enlarges a map to: the size of the `next` one, or twice its own (`double`). */
  readonly fusionTarget: "next" | "double";
  /** Channels before the last convolution. */
  readonly headSize: number;
  /** A convolution stands in front of the head. */
  readonly headProjection: boolean;
  /** Size of the answer: that of the `patches` in pixels, or twice that of the last map (`double`). */
  readonly target: "patches" | "double";
}

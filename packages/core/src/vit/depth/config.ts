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

/** Rows and columns of a map. */
export type MapSize = readonly [number, number];

/** What the sizes of the maps depend on. */
interface Sized {
  readonly imageSize: MapSize;
  readonly patchSize: MapSize;
}

/** Rows and columns of every map that the head computes for one picture. */
export interface DepthSizes {
  /** Of the patches. */
  readonly grid: MapSize;
  /** Of each stage's map behind the neck. */
  readonly stages: readonly MapSize[];
  /** Behind each fusion, from the last stage to the first. */
  readonly fused: readonly MapSize[];
  /** Of the answer. */
  readonly depth: MapSize;
}

const each = ([height, width]: MapSize, of: (n: number) => number): MapSize => [of(height), of(width)];

/** A map is enlarged exactly. One that shrinks is rounded up, as a convolution with padding 1 and kernel 3 does it. */
export const scaled = (grid: MapSize, factor: number): MapSize =>
  each(grid, (n) => (factor >= 1 ? n * factor : Math.floor((n - 1) * factor) + 1));

export function depthSizes({ imageSize, patchSize }: Sized, head: DepthHead): DepthSizes {
  const grid: MapSize = [Math.floor(imageSize[0] / patchSize[0]), Math.floor(imageSize[1] / patchSize[1])];
  const stages = head.factors.map((factor) => scaled(grid, factor));
  const fused: MapSize[] = [];
  for (let i = stages.length - 1; i >= 0; i--) {
    const next = head.fusionTarget === "next" ? stages[i - 1] : undefined;
    fused.push(next ?? scaled(fused.at(-1) ?? stages[i]!, 2));
  }
  const depth: MapSize =
    head.target === "patches" ? [grid[0] * patchSize[0], grid[1] * patchSize[1]] : scaled(fused.at(-1)!, 2);
  return { grid, stages, fused, depth };
}

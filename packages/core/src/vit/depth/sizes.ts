/** The sizes of the maps of a depth head. */
import { patchGrid, type VisionModelConfig } from "../config.js";
import type { DepthHead } from "./config.js";

/** Rows and columns of a map. */
export type MapSize = readonly [number, number];

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
const scaled = (grid: MapSize, factor: number): MapSize =>
  each(grid, (n) => (factor >= 1 ? n * factor : Math.floor((n - 1) * factor) + 1));

export function depthSizes(config: VisionModelConfig, head: DepthHead): DepthSizes {
  const { patchSize } = config;
  const grid = patchGrid(config);
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

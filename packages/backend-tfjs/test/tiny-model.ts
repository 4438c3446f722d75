/** The suite's tiny model as a compiled program, for tests of everything around a run. */
import { tinyConfig } from "@ppt-vit/conformance";
import {
  type HostTensor,
  hostTensor,
  prepareVisionProgram,
  type ReductionConfig,
  randomWeights,
  weightsFrom,
} from "@ppt-vit/core";

export const reduction: ReductionConfig = { layers: [0, 1], tokensRemoved: 3, threshold: { scaleFree: 0.6 } };

export const tinyProgram = () =>
  prepareVisionProgram({ config: tinyConfig, weights: weightsFrom(randomWeights(tinyConfig, 5)), reduction });

/** [batch, 3, 20, 12] */
export const tinyPixels = (batch: number): HostTensor =>
  hostTensor([batch, tinyConfig.channels, ...tinyConfig.imageSize], (i) => Math.sin(i * i));

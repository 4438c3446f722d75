/** The task `depth-estimation`: how far away each pixel of a picture is. */
import type { VisionModelConfig } from "@ppt-vit/core";
import { oneOf } from "@ppt-vit/core/options";
import { type DepthRange, type DepthTensor, type GreyImage, greyOf, rangeOf, tensorOf } from "../depth/depth-map.js";
import { interpolated, interpolations } from "../depth/interpolate.js";
import type { BatchOptions, ModelOptions } from "./options.js";
import { allFinite, type PictureFailure, type PictureRun, rowOf } from "./result.js";
import type { Method, ModelFacts, ModelType, Task } from "./task.js";

/** Options of `fromPretrained` for a `DepthEstimator`. */
export interface DepthEstimatorOptions extends ModelOptions {
  readonly task: "depth-estimation";
}

/** How a map gets the size of its picture. `none` leaves it at the size at which the model saw the picture. */
export type DepthInterpolation = "bilinear" | "bicubic" | "none";
export const depthInterpolations: readonly DepthInterpolation[] = [...interpolations, "none"];

/** Options of `estimateDepth` and `estimateDepthAll`. */
export interface EstimateDepthOptions extends BatchOptions {
  /**
   * `bilinear`, as transformers.js does it; `bicubic`, as transformers does it; or `none`. Default `bilinear`.
   */
  readonly interpolation?: DepthInterpolation | undefined;
}

/** The depth of one picture. `predicted_depth` and `depth` are called as transformers.js calls them. */
export interface DepthEstimate<Input> extends PictureRun, DepthRange {
  readonly input: Input;
  /** [height, width] of the picture: the model's own numbers. `DepthEstimator.depthKind` says what they are. */
  readonly predicted_depth: DepthTensor;
  /** The same as a grey picture, 0 at the least value and 255 at the greatest. */
  readonly depth: GreyImage;
}

export interface DepthEstimator<Input> extends ModelFacts {
  /** `relative`: greater is nearer, without a unit. `metric`: metres. */
  readonly depthKind: "relative" | "metric";
  /** @throws PptError INVALID_IMAGE, NOT_FOUND, INVALID_OPTION, NOT_FINITE, DISPOSED */
  estimateDepth(input: Input, options?: EstimateDepthOptions): Promise<DepthEstimate<Input>>;
  /**
   * The depth of many pictures in batches, decoding ahead while the model runs, in the order of `inputs`. Pictures of a batch that
   * the model sees at one size run together. A picture that cannot be read becomes a failure; the others go on.
   * @throws PptError INVALID_OPTION, DISPOSED; the signal's reason when aborted
   */
  estimateDepthAll(
    inputs: readonly Input[],
    options?: EstimateDepthOptions,
  ): AsyncGenerator<DepthEstimate<Input> | PictureFailure<Input>>;
  dispose(): Promise<void>;
}

export interface DepthEstimatorType extends ModelType {
  readonly model: DepthEstimator<this["input"]>;
}

type DepthHead = NonNullable<VisionModelConfig["depth"]>;

const estimateDepth: Method<
  DepthHead,
  EstimateDepthOptions,
  Omit<DepthEstimate<unknown>, "input" | keyof PictureRun>
> = {
  options: { interpolation: oneOf(depthInterpolations) },
  describe(_, { interpolation = "bilinear" }) {
    return ({ predictedDepth }, row, size) => {
      const [, height, width] = predictedDepth!.shape as [number, number, number];
      const own = { width, height, data: rowOf(predictedDepth!, row) };
      if (!allFinite(own.data)) return undefined;
      const map = interpolation === "none" ? own : interpolated(own, size, interpolation);
      const range = rangeOf(map.data);
      return { predicted_depth: tensorOf(map), depth: greyOf(map, range), ...range };
    };
  },
};

export const depthEstimation: Task<"depth-estimation", DepthEstimatorOptions, DepthHead, DepthEstimatorType> = {
  name: "depth-estimation",
  title: "a map of depths",
  command: "depth",
  needs: { heads: true },
  lacks: ({ config }) => (config.depth ? undefined : "depth head"),
  options: {},
  outputs: () => ({}),
  prepare: ({ config }) => config.depth!,
  facts: ({ kind }) => ({ depthKind: kind }),
  methods: { estimateDepth },
  exports: ["predicted_depth"],
};

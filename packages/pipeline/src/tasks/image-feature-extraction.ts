/** The task `image-feature-extraction`: an embedding of each picture, and on request a vector for every patch of it. */
import {
  embeddingPoolingOf,
  type HostTensor,
  PptError,
  patchGrid,
  type VisionModelConfig,
  type VisionOutput,
} from "@ppt-vit/core";
import { flag, oneOf } from "@ppt-vit/core/options";
import type { CheckpointSettings } from "../checkpoint/checkpoint.js";
import { normalized } from "./normalized.js";
import type { BatchOptions, ModelOptions } from "./options.js";
import { allFinite, type PictureFailure, type PictureRun, rowOf } from "./result.js";
import type { Method, ModelFacts, ModelType, Task } from "./task.js";

/** Options of `fromPretrained` for a `FeatureExtractor`. */
export interface FeatureExtractorOptions extends ModelOptions {
  readonly task: "image-feature-extraction";
  /** Also compute dense features, for `features`. Default false: they cost a readback of a vector for every patch. */
  readonly dense?: boolean | undefined;
}

/** Names for `pooling`. */
export const poolings = ["class", "mean", "distilled", "attention", "projection"] as const;

/**
 * `class`: the class token after the final norm. `mean`: the mean of the patch tokens, each weighted by the number of its
 * patches (evenly without proportional attention). `distilled`: the mean of class and distillation token, as timm embeds with
 * a distilled DeiT. `attention`: what the head of SigLIP gathers from all tokens, its image embedding. `projection`: CLIP's image embedding, the projected class token.
 */
export type Pooling = (typeof poolings)[number];

/** Options of `embed` and `embedAll`. */
export interface EmbedOptions extends BatchOptions {
  /**
   * Default: `projection` if the checkpoint has one, `mean` if its head reads the mean (MAE), `distilled` for timm's
   * distilled DeiT, `attention` for SigLIP, else `class`.
   */
  readonly pooling?: Pooling | undefined;
  /** Divide by the Euclidean length, for cosine similarity as a plain product. Default false. */
  readonly normalize?: boolean | undefined;
}

/** The embedding of one picture. */
export interface Embedding<Input> extends PictureRun {
  readonly input: Input;
  /** [C], or [projection] */
  readonly embedding: Float32Array;
}

/** A vector for every patch of one picture. */
export interface DenseFeatures<Input> extends PictureRun {
  readonly input: Input;
  /**
   * [rows, columns, C], row by row, after the final norm. Merged patches share the value of their token. A pruned patch has
   * its last known value: that of its token before the stage that pruned it.
   */
  readonly features: Float32Array;
  readonly shape: readonly [rows: number, columns: number, C: number];
  /** [C], if the model has a class token. */
  readonly classToken?: Float32Array;
}

export interface FeatureExtractor<Input> extends ModelFacts {
  /** -> [C], or [projection]. @throws PptError INVALID_IMAGE, NOT_FOUND, INVALID_OPTION, NOT_FINITE, DISPOSED */
  embed(input: Input, options?: EmbedOptions): Promise<Float32Array>;
  /**
   * Embeds many pictures in batches, decoding ahead while the model runs, in the order of `inputs`. A picture that cannot
   * be read becomes a failure; the others go on.
   * @throws PptError INVALID_OPTION, DISPOSED; the signal's reason when aborted
   */
  embedAll(inputs: readonly Input[], options?: EmbedOptions): AsyncGenerator<Embedding<Input> | PictureFailure<Input>>;
  /**
   * A vector for every patch, on a model that was loaded with `dense: true`.
   * @throws PptError INVALID_IMAGE, NOT_FOUND, INVALID_OPTION, NOT_FINITE, DISPOSED
   */
  features(input: Input, options?: BatchOptions): Promise<DenseFeatures<Input>>;
  /** As `features` and `embedAll`: a vector for every patch of many pictures. @throws PptError INVALID_OPTION, DISPOSED */
  featuresAll(
    inputs: readonly Input[],
    options?: BatchOptions,
  ): AsyncGenerator<DenseFeatures<Input> | PictureFailure<Input>>;
  dispose(): Promise<void>;
}

export interface ExtractorType extends ModelType {
  readonly model: FeatureExtractor<this["input"]>;
}

/** What the methods need to know. */
export interface Extraction {
  readonly checkpoint: CheckpointSettings;
  /** Whether the model computes dense features. */
  readonly dense: boolean;
}

const embed: Method<Extraction, EmbedOptions, Pick<Embedding<unknown>, "embedding">> = {
  options: { pooling: oneOf(poolings), normalize: flag },
  describe({ checkpoint }, { pooling = poolingOf(checkpoint.config), normalize = false }) {
    const outputOf = pooledBy(pooling, checkpoint);
    return (output, row) => {
      const embedding = rowOf(outputOf(output), row);
      return allFinite(embedding) ? { embedding: normalize ? normalized(embedding) : embedding } : undefined;
    };
  },
  single: ({ embedding }) => embedding,
};

const features: Method<Extraction, BatchOptions, Omit<DenseFeatures<unknown>, "input" | keyof PictureRun>> = {
  options: {},
  describe({ checkpoint: { config }, dense }) {
    if (!dense)
      throw new PptError("INVALID_OPTION", "features: this model gives embeddings only; load it with { dense: true }");
    const [rows, columns] = patchGrid(config);
    const shape = [rows, columns, config.hiddenSize] as const;
    return (output, row) => {
      const features = rowOf(output.denseFeatures!, row);
      const classToken = output.classToken && rowOf(output.classToken, row);
      return allFinite(features) ? { features, shape, ...(classToken && { classToken }) } : undefined;
    };
  },
};

export const imageFeatureExtraction: Task<
  "image-feature-extraction",
  FeatureExtractorOptions,
  Extraction,
  ExtractorType
> = {
  name: "image-feature-extraction",
  title: "embeddings and dense features",
  command: "embed",
  // A classifier that does not fit is no reason to refuse the rest.
  needs: { heads: false },
  lacks: ({ config }) => (config.depth ? "embedding" : undefined),
  options: { dense: flag },
  outputs: ({ dense = false }) => ({ pooled: true, denseFeatures: dense }),
  prepare: (checkpoint, { dense = false }) => ({ checkpoint, dense }),
  facts: () => ({}),
  methods: { embed, features },
  exports: ["image_embeds", "last_hidden_state", "pooler_output"],
};

/** The pooling that a model was trained with. */
const poolingOf = (config: VisionModelConfig): Pooling =>
  config.projection === undefined ? embeddingPoolingOf(config) : "projection";

/** Whether a model has what a pooling reads. */
const has: Readonly<Record<Pooling, (config: VisionModelConfig) => boolean>> = {
  class: ({ classToken }) => classToken !== false,
  mean: () => true,
  distilled: ({ distillationToken }) => distillationToken,
  attention: ({ pooling }) => pooling === "attention",
  projection: ({ projection }) => projection !== undefined,
};

/** The model's output for a pooling. @throws PptError INVALID_OPTION if the checkpoint does not have it */
function pooledBy(pooling: Pooling, { name, config }: CheckpointSettings): (output: VisionOutput) => HostTensor {
  const lacks = (what: string): never => {
    const there = poolings.filter((one) => has[one](config)).map((one) => `'${one}'`);
    throw new PptError("INVALID_OPTION", `pooling '${pooling}': ${name} has no ${what}; use ${there.join(" or ")}`);
  };
  switch (pooling) {
    case "class":
      return has.class(config) ? ({ classToken }) => classToken! : lacks("class token");
    case "mean":
      return ({ meanToken }) => meanToken!;
    case "distilled":
      return has.distilled(config) ? ({ distilledToken }) => distilledToken! : lacks("distillation token");
    case "attention":
      return has.attention(config) ? ({ attentionToken }) => attentionToken! : lacks("head that pools by attention");
    case "projection":
      return has.projection(config) ? ({ embedding }) => embedding! : lacks("projection");
    default:
      throw new PptError(
        "INVALID_OPTION",
        `pooling must be one of ${poolings.join(", ")}, got ${JSON.stringify(pooling satisfies never)}`,
      );
  }
}

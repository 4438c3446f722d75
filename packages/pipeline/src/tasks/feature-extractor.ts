/** Pictures in, embeddings and dense features out. The same in Node and browsers. */
import { type HostTensor, PptError, type VisionModelConfig, type VisionOutput } from "@ppt-vit/core";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { embedOptions, featureOptions, poolings, requireInputs } from "../options.js";
import type { Fetched, Pictures } from "../pictures/look-ahead.js";
import { type BatchOptions, type PictureResult, runInBatches } from "./batches.js";
import { loadModel, type ModelFacts, type ModelOptions, type ReadCheckpoint } from "./load.js";
import { normalized } from "./normalized.js";
import { allFinite, onlyResult, type PictureFailure, type PictureRun, rowOf } from "./result.js";

export interface FeatureExtractorOptions extends ModelOptions {
  readonly task: "image-feature-extraction";
  /** Also compute what `features` gives. Default false: a map of all patches costs a readback for each picture. */
  readonly dense?: boolean;
}

export { poolings };

/**
 * `class`: the class token after the final norm. `mean`: the mean of the patch tokens, each weighted by the patches that it
 * stands for (evenly without proportional attention). `distilled`: the mean of class and distillation token, as timm embeds with
 * a distilled DeiT. `projection`: CLIP's image embedding, the projected class token.
 */
export type Pooling = (typeof poolings)[number];

export interface EmbedOptions extends BatchOptions {
  /**
   * Default `projection` where the checkpoint has one, `mean` where its head reads the mean (MAE), `distilled` for timm's
   * distilled DeiT, else `class`.
   */
  readonly pooling?: Pooling;
  /** Divide by the Euclidean length, for cosine similarity as a plain product. Default false. */
  readonly normalize?: boolean;
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
   * [rows, columns, C], row by row, after the final norm. Merged patches share the value of their token; a patch that was
   * pruned has its last known value, that of its token before the stage that pruned it.
   */
  readonly features: Float32Array;
  readonly shape: readonly [rows: number, columns: number, C: number];
  /** [C], where the model has a class token. */
  readonly classToken?: Float32Array;
}

export interface FeatureExtractor<Input> extends ModelFacts {
  /** -> [C], or [projection]. @throws PptError INVALID_IMAGE, NOT_FOUND, INVALID_OPTION, NOT_FINITE, DISPOSED */
  embed(input: Input, options?: EmbedOptions): Promise<Float32Array>;
  /**
   * Embeds many pictures in batches, decoding ahead while the model runs, in the order of `inputs`. A picture that cannot
   * be read becomes a failure and the others go on.
   * @throws PptError INVALID_OPTION, DISPOSED; the signal's reason when aborted
   */
  embedAll(inputs: readonly Input[], options?: EmbedOptions): AsyncGenerator<Embedding<Input> | PictureFailure<Input>>;
  /**
   * A vector for every patch, on a model that was loaded with `dense: true`.
   * @throws PptError INVALID_IMAGE, NOT_FOUND, INVALID_OPTION, NOT_FINITE, DISPOSED
   */
  features(input: Input, options?: BatchOptions): Promise<DenseFeatures<Input>>;
  /** `features` of many pictures, as `embedAll`. @throws PptError INVALID_OPTION, DISPOSED */
  featuresAll(
    inputs: readonly Input[],
    options?: BatchOptions,
  ): AsyncGenerator<DenseFeatures<Input> | PictureFailure<Input>>;
  dispose(): Promise<void>;
}

/**
 * A feature extractor from a checkpoint that `read` brings; one without a head is enough.
 * @throws PptError what `read` throws, INVALID_WEIGHTS, INVALID_REDUCTION, UNKNOWN_BACKEND, BACKEND_UNAVAILABLE,
 * VERIFICATION_FAILED
 */
export async function createFeatureExtractor<Input, Encoded extends Fetched>(
  read: ReadCheckpoint,
  options: FeatureExtractorOptions,
  loadPictures: () => Promise<Pictures<Input, Encoded>>,
): Promise<FeatureExtractor<Input>> {
  const { task, dense = false } = options;
  const loaded = await loadModel(read, options, loadPictures, {
    task,
    outputs: { pooled: true, denseFeatures: dense },
  });
  const { config } = loaded.checkpoint;
  const defaultPooling = poolingOf(config);
  const shape = [...loaded.facts.patches, config.hiddenSize] as const;

  async function* embedAll(
    inputs: readonly Input[],
    given: EmbedOptions = {},
  ): AsyncGenerator<PictureResult<Input, { embedding: Float32Array }> | PictureFailure<Input>> {
    const { pooling = defaultPooling, normalize = false, ...batching } = embedOptions(given);
    requireInputs("embedAll", inputs);
    const outputOf = pooledBy(pooling, loaded.checkpoint);
    yield* runInBatches(loaded, inputs, batching, (output, row) => {
      const embedding = rowOf(outputOf(output), row);
      return allFinite(embedding) ? { embedding: normalize ? normalized(embedding) : embedding } : undefined;
    });
  }

  async function* featuresAll(inputs: readonly Input[], given: BatchOptions = {}) {
    const batching = featureOptions(given);
    requireInputs("featuresAll", inputs);
    if (!dense)
      throw new PptError("INVALID_OPTION", "features: this model gives embeddings only; load it with { dense: true }");
    yield* runInBatches(loaded, inputs, batching, (output, row) => {
      const features = rowOf(output.denseFeatures!, row);
      const classToken = output.classToken && rowOf(output.classToken, row);
      return allFinite(features) ? { features, shape, ...(classToken && { classToken }) } : undefined;
    });
  }
  return {
    ...loaded.facts,
    embed: async (input, given) =>
      (await onlyResult(embedAll([input], { ...embedOptions(given), batch: 1 }))).embedding,
    embedAll,
    features: async (input, given) => onlyResult(featuresAll([input], { ...featureOptions(given), batch: 1 })),
    featuresAll,
    dispose: loaded.dispose,
  };
}

/** The embedding that a model was made for. */
function poolingOf({ projection, pooling, classToken }: VisionModelConfig): Pooling {
  if (projection !== undefined) return "projection";
  if (pooling === "distilled") return "distilled";
  return pooling === "mean" || pooling === "normalized-mean" || classToken === false ? "mean" : "class";
}

/** The output that holds an embedding. @throws PptError INVALID_OPTION */
function pooledBy(
  pooling: Pooling,
  { name, config }: Omit<Checkpoint, "weights">,
): (output: VisionOutput) => HostTensor {
  switch (pooling) {
    case "class":
      if (config.classToken !== false) return ({ classToken }) => classToken!;
      throw new PptError("INVALID_OPTION", `pooling 'class': ${name} has no class token; use 'mean'`);
    case "mean":
      return ({ meanToken }) => meanToken!;
    case "distilled":
      if (config.distillationToken) return ({ distilledToken }) => distilledToken!;
      throw new PptError(
        "INVALID_OPTION",
        `pooling 'distilled': ${name} has no distillation token; use 'class' or 'mean'`,
      );
    case "projection":
      if (config.projection) return ({ embedding }) => embedding!;
      throw new PptError(
        "INVALID_OPTION",
        `pooling 'projection': ${name} has no projection, only CLIP has one; use 'class' or 'mean'`,
      );
    default:
      throw new PptError(
        "INVALID_OPTION",
        `pooling must be one of ${poolings.join(", ")}, got ${JSON.stringify(pooling satisfies never)}`,
      );
  }
}

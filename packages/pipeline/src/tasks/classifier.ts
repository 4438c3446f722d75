/** Pictures in, labels out. The same in Node and browsers. */
import { PptError, type Problem, problemOf, type VisionOutput } from "@ppt-vit/core";
import { found } from "@ppt-vit/core/options";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { classifyOptions, requireInputs } from "../options.js";
import type { Fetched, Pictures } from "../pictures/look-ahead.js";
import { type BatchOptions, type PictureResult, runInBatches } from "./batches.js";
import { loadModel, type ModelFacts, type ModelOptions, type ReadCheckpoint } from "./load.js";
import {
  allFinite,
  type Classification,
  type Labels,
  onlyResult,
  type PictureFailure,
  rowOf,
  topLabels,
  topValues,
} from "./result.js";
import { type TextEmbeddings, textEmbeddingsFile, zeroShotLogits } from "./zero-shot.js";

export interface PretrainedOptions extends ModelOptions {
  readonly task?: "image-classification";
  /** Labels for CLIP: see `parseTextEmbeddings`. Default: the checkpoint's own `text_embeddings.safetensors`. */
  readonly textEmbeddings?: TextEmbeddings;
}

export interface ClassifyOptions extends BatchOptions {
  /** Labels per picture. Default 5. */
  readonly topK?: number;
}

export interface ImageClassifier<Input> extends ModelFacts {
  readonly labels: readonly string[];
  /**
   * What the logits are. `single-label`: one class is right, probabilities are their softmax and sum to 1. `multi-label`: each
   * class is right or not by itself, probabilities are sigmoids (also of a model with one class). `regression`: the logits
   * are the answer, and there are no probabilities.
   */
  readonly problem: Problem;
  /** @throws PptError INVALID_IMAGE, NOT_FOUND, INVALID_OPTION, NOT_FINITE, DISPOSED */
  classify(input: Input, options?: ClassifyOptions): Promise<Classification<Input>>;
  /**
   * Classifies many pictures in batches, decoding ahead while the model runs, in the order of `inputs`. A picture that
   * cannot be read becomes a failure and the others go on.
   * @throws PptError INVALID_OPTION, DISPOSED; the signal's reason when aborted
   */
  classifyAll(
    inputs: readonly Input[],
    options?: ClassifyOptions,
  ): AsyncGenerator<Classification<Input> | PictureFailure<Input>>;
  dispose(): Promise<void>;
}

/**
 * A classifier from a checkpoint that `read` brings.
 * @throws PptError what `read` throws, INVALID_CONFIG, INVALID_OPTION, INVALID_WEIGHTS, INVALID_REDUCTION,
 * UNKNOWN_BACKEND, BACKEND_UNAVAILABLE, VERIFICATION_FAILED
 */
export async function createClassifier<Input, Encoded extends Fetched>(
  read: ReadCheckpoint,
  options: PretrainedOptions,
  loadPictures: () => Promise<Pictures<Input, Encoded>>,
): Promise<ImageClassifier<Input>> {
  const { task = "image-classification", textEmbeddings } = options;
  if (task !== "image-classification")
    throw new PptError(
      "INVALID_OPTION",
      `task must be 'image-classification' or 'image-feature-extraction', got ${found(task satisfies never)}`,
    );
  const loaded = await loadModel(read, options, loadPictures, {
    task,
    check: (checkpoint) => void labelling(checkpoint, textEmbeddings),
  });
  const { labels, problem, logitsOf } = labelling(loaded.checkpoint, textEmbeddings);

  async function* classifyAll(
    inputs: readonly Input[],
    given: ClassifyOptions = {},
  ): AsyncGenerator<PictureResult<Input, Labels> | PictureFailure<Input>> {
    const { topK = 5, ...batching } = classifyOptions(given);
    requireInputs("classifyAll", inputs);
    yield* runInBatches(loaded, inputs, batching, (output, row): Labels | undefined => {
      const logits = logitsOf(output, row);
      if (!allFinite(logits)) return undefined;
      return problem === "regression"
        ? { problem, labels: topValues(logits, labels, topK), logits }
        : { problem, labels: topLabels(logits, labels, topK, problem), logits };
    });
  }
  return {
    ...loaded.facts,
    labels,
    problem,
    classify: async (input, given) => onlyResult(classifyAll([input], { ...classifyOptions(given), batch: 1 })),
    classifyAll,
    dispose: loaded.dispose,
  };
}

interface Labelling {
  readonly labels: readonly string[];
  readonly problem: Problem;
  /** [labels], of picture `row` of a run. */
  logitsOf(output: VisionOutput, row: number): Float32Array;
}

/** A checkpoint's own classifier, or CLIP's comparison with texts. @throws PptError INVALID_OPTION, INVALID_CONFIG */
function labelling(
  { name, config, withoutClassifier, textEmbeddings: own }: Omit<Checkpoint, "weights">,
  given: TextEmbeddings | undefined,
): Labelling {
  const refuse = (message: string): never => {
    throw new PptError("INVALID_OPTION", `${name}: ${message}`);
  };
  const { labels, projection } = config;
  if (given && projection === undefined) refuse("textEmbeddings are for CLIP with its projection: leave them out");
  if (labels.length > 0)
    return { labels, problem: problemOf(config), logitsOf: ({ logits }, row) => rowOf(logits, row) };

  const embedInstead = "load it with task 'image-feature-extraction' (ppt-vit embed)";
  if (withoutClassifier !== undefined)
    throw new PptError("INVALID_WEIGHTS", `${name}: ${withoutClassifier}. For embeddings ${embedInstead}`);
  if (projection === undefined) return refuse(`has no classifier: ${embedInstead}`);
  const texts =
    given ??
    own ??
    refuse(
      `CLIP names pictures by texts: pass textEmbeddings (--text-embeddings), put ${textEmbeddingsFile} beside config.json, or ${embedInstead}`,
    );
  const logitsOf = zeroShotLogits(texts, projection);
  return {
    labels: texts.labels,
    problem: "single-label",
    logitsOf: ({ embedding }, row) => logitsOf(rowOf(embedding!, row)),
  };
}

/** Pictures in, labels out. The same in Node and browsers. */
import { PptError, type VisionOutput } from "@ppt-vit/core";
import { type BatchOptions, type PictureResult, requireCount, runInBatches } from "./batches.js";
import type { Checkpoint, LoadOptions } from "./checkpoint.js";
import { loadModel, type ModelFacts, type ModelOptions } from "./load.js";
import type { Fetched, Pictures } from "./pictures/look-ahead.js";
import {
  allFinite,
  type Classification,
  type Labels,
  onlyResult,
  type PictureFailure,
  rowOf,
  topLabels,
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
  read: (options: LoadOptions) => Promise<Checkpoint>,
  options: PretrainedOptions,
  loadPictures: () => Promise<Pictures<Input, Encoded>>,
): Promise<ImageClassifier<Input>> {
  const { task = "image-classification", textEmbeddings } = options;
  if (task !== "image-classification")
    throw new PptError(
      "INVALID_OPTION",
      `task must be 'image-classification' or 'image-feature-extraction', got ${JSON.stringify(task satisfies never)}`,
    );
  const loaded = await loadModel(read, options, loadPictures, {
    task,
    check: (checkpoint) => void labelling(checkpoint, textEmbeddings),
  });
  const { labels, logitsOf } = labelling(loaded.checkpoint, textEmbeddings);

  async function* classifyAll(
    inputs: readonly Input[],
    { topK = 5, ...batching }: ClassifyOptions = {},
  ): AsyncGenerator<PictureResult<Input, Labels> | PictureFailure<Input>> {
    requireCount("topK", topK);
    yield* runInBatches(loaded, inputs, batching, (output, row): Labels | undefined => {
      const logits = logitsOf(output, row);
      return allFinite(logits) ? { labels: topLabels(logits, labels, topK), logits } : undefined;
    });
  }
  return {
    ...loaded.facts,
    labels,
    classify: (input, classifyOptions) => onlyResult(classifyAll([input], { ...classifyOptions, batch: 1 })),
    classifyAll,
    dispose: loaded.dispose,
  };
}

interface Labelling {
  readonly labels: readonly string[];
  /** [labels], of picture `row` of a run. */
  logitsOf(output: VisionOutput, row: number): Float32Array;
}

/** A checkpoint's own classifier, or CLIP's comparison with texts. @throws PptError INVALID_OPTION, INVALID_CONFIG */
function labelling(
  { name, config, textEmbeddings: own }: Omit<Checkpoint, "weights">,
  given: TextEmbeddings | undefined,
): Labelling {
  const refuse = (message: string): never => {
    throw new PptError("INVALID_OPTION", `${name}: ${message}`);
  };
  const { labels, projection } = config;
  if (given && projection === undefined) refuse("textEmbeddings are for CLIP with its projection: leave them out");
  if (labels.length > 0) return { labels, logitsOf: ({ logits }, row) => rowOf(logits, row) };

  const embedInstead = "load it with task 'image-feature-extraction' (ppt-vit embed)";
  if (projection === undefined) return refuse(`has no classifier: ${embedInstead}`);
  const texts =
    given ??
    own ??
    refuse(
      `CLIP names pictures by texts: pass textEmbeddings (--text-embeddings), put ${textEmbeddingsFile} beside config.json, or ${embedInstead}`,
    );
  const logitsOf = zeroShotLogits(texts, projection);
  return { labels: texts.labels, logitsOf: ({ embedding }, row) => logitsOf(rowOf(embedding!, row)) };
}

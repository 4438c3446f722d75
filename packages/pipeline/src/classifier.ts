/** Pictures in, labels out. The same in Node and browsers. */
import { type BatchOptions, type PictureResult, type Pictures, requireCount, runInBatches } from "./batches.js";
import type { Checkpoint, LoadOptions } from "./checkpoint.js";
import { loadModel, type ModelFacts, type ModelOptions } from "./load.js";
import {
  allFinite,
  type Classification,
  type Labels,
  onlyResult,
  type PictureFailure,
  rowOf,
  topLabels,
} from "./result.js";

export interface PretrainedOptions extends ModelOptions {
  readonly task?: "image-classification";
}

export interface ClassifyOptions extends BatchOptions {
  /** Labels per picture. Default 5. */
  readonly topK?: number;
}

export interface ImageClassifier<Input> extends ModelFacts {
  readonly labels: readonly string[];
  /** @throws PptError INVALID_IMAGE, NOT_FOUND, INVALID_OPTION, DISPOSED */
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
 * @throws PptError what `read` throws, INVALID_WEIGHTS, INVALID_REDUCTION, UNKNOWN_BACKEND, BACKEND_UNAVAILABLE,
 * VERIFICATION_FAILED
 */
export async function createClassifier<Input, Fetched>(
  read: (options: LoadOptions) => Promise<Checkpoint>,
  options: PretrainedOptions,
  loadPictures: () => Promise<Pictures<Input, Fetched>>,
): Promise<ImageClassifier<Input>> {
  const loaded = await loadModel(read, options, loadPictures, { task: "image-classification" });
  const { labels } = loaded.checkpoint.config;

  async function* classifyAll(
    inputs: readonly Input[],
    { topK = 5, ...batching }: ClassifyOptions = {},
  ): AsyncGenerator<PictureResult<Input, Labels> | PictureFailure<Input>> {
    requireCount("topK", topK);
    yield* runInBatches(loaded, inputs, batching, (output, row): Labels | undefined => {
      const logits = rowOf(output.logits, row);
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

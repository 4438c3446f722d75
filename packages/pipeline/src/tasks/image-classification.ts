/** The task `image-classification`: labels, by the checkpoint's own classifier or zero-shot by CLIP's text embeddings. */
import { PptError, type Problem, problemOf, type VisionOutput } from "@ppt-vit/core";
import { count, hostTensorCheck, shaped } from "@ppt-vit/core/options";
import type { CheckpointSettings } from "../checkpoint/checkpoint.js";
import { type TextEmbeddings, textComparisonOf, textEmbeddingsFile } from "../checkpoint/text-embeddings.js";
import { anyText } from "../checks.js";
import { type Labels, topLabels, topValues } from "./labels.js";
import type { BatchOptions, ModelOptions } from "./options.js";
import { allFinite, type PictureFailure, type PictureRun, rowOf } from "./result.js";
import type { Method, ModelFacts, ModelType, Task } from "./task.js";
import { zeroShotLogits } from "./zero-shot.js";

/** Options of `fromPretrained` for an `ImageClassifier`. */
export interface PretrainedOptions extends ModelOptions {
  readonly task?: "image-classification" | undefined;
  /** Labels for CLIP: see `parseTextEmbeddings`. Default: the checkpoint's own `text_embeddings.safetensors`. */
  readonly textEmbeddings?: TextEmbeddings | undefined;
}

/** Options of `classify` and `classifyAll`. */
export interface ClassifyOptions extends BatchOptions {
  /** Labels per picture. Default 5. */
  readonly topK?: number | undefined;
}

/** The labels of one picture. */
export type Classification<Input> = Labels & PictureRun & { readonly input: Input };

export interface ImageClassifier<Input> extends ModelFacts {
  readonly labels: readonly string[];
  /**
   * What the logits are. `single-label`: one class is right; probabilities are their softmax and sum to 1. `multi-label`: each
   * class is right or wrong by itself; probabilities are sigmoids (also of a model with one class). `regression`: the logits
   * are the answer, and there are no probabilities.
   */
  readonly problem: Problem;
  /** @throws PptError INVALID_IMAGE, NOT_FOUND, INVALID_OPTION, NOT_FINITE, DISPOSED */
  classify(input: Input, options?: ClassifyOptions): Promise<Classification<Input>>;
  /**
   * Classifies many pictures in batches, decoding ahead while the model runs, in the order of `inputs`. A picture that
   * cannot be read becomes a failure; the others go on.
   * @throws PptError INVALID_OPTION, DISPOSED; the signal's reason when aborted
   */
  classifyAll(
    inputs: readonly Input[],
    options?: ClassifyOptions,
  ): AsyncGenerator<Classification<Input> | PictureFailure<Input>>;
  dispose(): Promise<void>;
}

export interface ClassifierType extends ModelType {
  readonly model: ImageClassifier<this["input"]>;
}

/** Where a checkpoint's labels come from. */
export interface Labelling {
  readonly labels: readonly string[];
  readonly problem: Problem;
  /** -> [labels], of picture `row` of a run. */
  logitsOf(output: VisionOutput, row: number): Float32Array;
}

const classify: Method<Labelling, ClassifyOptions, Labels> = {
  options: { topK: count() },
  describe({ labels, problem, logitsOf }, { topK = 5 }) {
    return (output, row) => {
      const logits = logitsOf(output, row);
      if (!allFinite(logits)) return undefined;
      return problem === "regression"
        ? { problem, labels: topValues(logits, labels, topK), logits }
        : { problem, labels: topLabels(logits, labels, topK, problem), logits };
    };
  },
};

const textEmbeddings = shaped("text embeddings { labels, embeddings, logitScale }, as parseTextEmbeddings() gives", {
  labels: (value) => Array.isArray(value) && Array.from(value).every(anyText.holds),
  embeddings: hostTensorCheck.holds,
  logitScale: (value) => typeof value === "number",
  logitBias: (value) => value === undefined || typeof value === "number",
  name: (value) => value === undefined || typeof value === "string",
});

export const imageClassification: Task<"image-classification", PretrainedOptions, Labelling, ClassifierType> = {
  name: "image-classification",
  title: "labels with probabilities",
  command: "classify",
  needs: { heads: true },
  lacks: ({ config, withoutClassifier }) =>
    config.labels.length === 0 && withoutClassifier === undefined && !textComparisonOf(config)
      ? "classifier"
      : undefined,
  options: { textEmbeddings },
  outputs: () => ({}),
  prepare: (checkpoint, options) => labelling(checkpoint, options.textEmbeddings),
  facts: ({ labels, problem }) => ({ labels, problem }),
  methods: { classify },
  exports: ["logits"],
};

/** @throws PptError INVALID_OPTION, INVALID_CONFIG, INVALID_WEIGHTS */
function labelling(
  { name, config, withoutClassifier, textEmbeddings: own }: CheckpointSettings,
  given: TextEmbeddings | undefined,
): Labelling {
  const refuse = (message: string): never => {
    throw new PptError("INVALID_OPTION", `${name}: ${message}`);
  };
  const { labels } = config;
  const comparison = textComparisonOf(config);
  if (given && !comparison)
    refuse(
      `${given.name ?? "textEmbeddings"}: text embeddings are for CLIP with its projection, and for SigLIP with its head: leave them out`,
    );
  if (labels.length > 0)
    return { labels, problem: problemOf(config), logitsOf: ({ logits }, row) => rowOf(logits, row) };

  const embedInstead = "load it with task 'image-feature-extraction' (ppt-vit embed)";
  if (withoutClassifier !== undefined)
    throw new PptError("INVALID_WEIGHTS", `${name}: ${withoutClassifier}. For embeddings ${embedInstead}`);
  const texts =
    given ??
    own ??
    refuse(
      `CLIP and SigLIP name pictures by texts: pass textEmbeddings (--text-embeddings), put ${textEmbeddingsFile} beside config.json, or ${embedInstead}`,
    );
  const logitsOf = zeroShotLogits(texts, comparison!);
  return {
    labels: texts.labels,
    problem: comparison!.problem,
    logitsOf: ({ embedding }, row) => logitsOf(rowOf(embedding!, row)),
  };
}

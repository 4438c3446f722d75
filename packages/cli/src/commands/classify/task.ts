/** `ppt-vit classify` as a job: the labels of each picture. */
import { createHash } from "node:crypto";
import {
  type CheckpointNeeds,
  type ImageClassifier,
  isFailure,
  type LabelProbability,
  type LabelValue,
  parseTextEmbeddings,
  type TextEmbeddings,
} from "@ppt-vit/pipeline";
import { readChunks } from "../../documents/read.js";
import { batchOptions } from "../../flags/picture-options.js";
import { type LoadFlags, load, modelTask } from "../../jobs/model-task.js";
import type { Task } from "../../jobs/task.js";

export interface ClassifyFlags extends LoadFlags {
  readonly top: number;
  readonly textEmbeddings?: string;
}

/** The largest file of text embeddings, in bytes: 65,536 labels of 1024 numbers. */
const longestTexts = 2 ** 28;

/** @throws PptError NOT_FOUND, INVALID_INPUT */
const readTexts = (path: string): Buffer => Buffer.concat([...readChunks(path, longestTexts)]);

/** @throws PptError as `fromPretrained`, and for the file of text embeddings */
export const loadClassifier = async (flags: ClassifyFlags, backend: string): Promise<ImageClassifier> => {
  const { textEmbeddings: path } = flags;
  const textEmbeddings: TextEmbeddings | undefined =
    path === undefined ? undefined : parseTextEmbeddings(readTexts(path), path);
  return load("image-classification", flags, backend, textEmbeddings && { textEmbeddings });
};

export const classifyOptions = ({ top, ...flags }: ClassifyFlags) => ({ topK: top, ...batchOptions(flags) });

/** A probability, or a regression's answer. */
const scoreOf = ({ probability, logit }: LabelProbability | LabelValue): number => probability ?? logit;

/** Labels may come from a file of texts, so a checkpoint needs no classifier that fits. */
const needs: CheckpointNeeds = { heads: false };

export const classifyTask = (flags: ClassifyFlags): Task =>
  modelTask("classify", flags, {
    needs,
    settings: {
      top: flags.top,
      texts:
        flags.textEmbeddings === undefined
          ? null
          : createHash("sha256").update(readTexts(flags.textEmbeddings)).digest("hex"),
    },
    columns: () => [
      { name: "label", type: "text" },
      { name: "score", type: "number" },
      { name: "labels", type: "texts" },
      { name: "scores", type: "numbers" },
    ],
    open: (backend) => loadClassifier(flags, backend),
    async *run(classifier, pictures) {
      for await (const result of classifier.classifyAll(pictures, classifyOptions(flags))) {
        if (isFailure(result)) {
          yield result;
          continue;
        }
        const answers: readonly (LabelProbability | LabelValue)[] = result.labels;
        const labels = answers.map(({ label }) => label);
        const scores = answers.map(scoreOf);
        yield {
          values: { label: labels[0] ?? null, score: scores[0] ?? null, labels, scores },
          latencyMs: result.latencyMs,
        };
      }
    },
  });

/** All kinds of answers that settings can be judged by. */
import { PptError, problemOf, type VisionModelConfig } from "@ppt-vit/core";
import type { AnswerKind } from "./answer-kind.js";
import { classes } from "./classes.js";
import { depths } from "./depths.js";
import { embeddings } from "./embeddings.js";

/** The first that fits a model is taken. */
const answerKinds: readonly AnswerKind[] = [classes, depths, embeddings];

/** The kind of a model's answers. @throws PptError INVALID_CONFIG if calibration cannot compare them */
export function answerKindOf(name: string, config: VisionModelConfig): AnswerKind {
  const kind = answerKinds.find((one) => one.fits(config));
  if (kind) return kind;
  const { length } = config.labels;
  throw new PptError(
    "INVALID_CONFIG",
    `${name}: calibration compares which class comes first, and this model's answers are ${problemOf(config)}, of ${length} ${length === 1 ? "class" : "classes"}`,
  );
}

/** The kind that a finished calibration names. */
export const answerKindNamed = (name: string): AnswerKind => answerKinds.find((kind) => kind.name === name)!;

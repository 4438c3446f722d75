/** The answers of a model without a classifier: embeddings, of which only the direction counts. */

import { rowOf } from "../../tasks/result.js";
import { cosine } from "../statistics.js";
import type { AnswerKind } from "./answer-kind.js";

export const embeddings: AnswerKind = {
  name: "embeddings",
  divergence: "cosine distance",
  // A cosine of 0.99.
  usualTarget: { maxDivergence: 0.01 },
  fits: ({ labels }) => labels.length === 0,
  answerOf: ({ embedding }, row) => rowOf(embedding!, row),
  divergenceOf: (unreduced, reduced) => 1 - cosine(unreduced, reduced),
  loss: "root of the cosine distance",
  lossOf: (unreduced, reduced) => Math.sqrt(Math.max(0, 1 - cosine(unreduced, reduced))),
};

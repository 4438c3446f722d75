/** The answers of a model that estimates depth: maps, of which only the proportions count. */

import { rowOf } from "../../tasks/result.js";
import { cosine } from "../statistics.js";
import type { AnswerKind } from "./answer-kind.js";

// min over s of |u - s r| / |u| = sqrt(1 - cos(u, r)^2)
const relativeError = (unreduced: Float32Array, reduced: Float32Array): number =>
  Math.sqrt(Math.max(0, 1 - cosine(unreduced, reduced) ** 2));

export const depths: AnswerKind = {
  name: "depths",
  divergence: "scale-invariant error of depth, relative",
  usualTarget: { maxDivergence: 0.05 },
  fits: ({ depth }) => depth !== undefined,
  answerOf: ({ predictedDepth }, row) => rowOf(predictedDepth!, row),
  divergenceOf: relativeError,
  loss: "scale-invariant error of depth, relative",
  // It is a root already.
  lossOf: relativeError,
};

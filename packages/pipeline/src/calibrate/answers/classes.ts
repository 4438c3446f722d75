/** A classifier's answers: the probabilities of its classes, of which exactly one is right. */
import { problemOf } from "@ppt-vit/core";
import { rowOf } from "../../tasks/result.js";
import { bestClass, divergence } from "../statistics.js";
import type { AnswerKind } from "./answer-kind.js";

export const classes: AnswerKind = {
  name: "classes",
  divergence: "Kullback-Leibler divergence, nats",
  usualTarget: { maxDisagreement: 0.01 },
  fits: (config) => config.labels.length >= 2 && problemOf(config) === "single-label",
  answerOf: ({ logits }, row) => rowOf(logits, row),
  divergenceOf: divergence,
  same: (unreduced, reduced) => bestClass(unreduced) === bestClass(reduced),
};

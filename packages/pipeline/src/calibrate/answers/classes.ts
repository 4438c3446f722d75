/** A classifier's answers: the probabilities of its classes, of which exactly one is right. */
import { problemOf } from "@ppt-vit/core";
import { rowOf } from "../../tasks/result.js";
import { bestClass, divergence } from "../statistics.js";
import type { AnswerKind } from "./answer-kind.js";

/**
 * At temperature 1 a picture whose class is certain shows no change until its answer turns, and then outweighs all others. A higher
 * one lets every picture tell how far its logits moved, as in distillation (Hinton et al., arXiv 1503.02531).
 */
const temperature = 4;

export const classes: AnswerKind = {
  name: "classes",
  divergence: "Kullback-Leibler divergence, nats",
  usualTarget: { maxDisagreement: 0.01 },
  fits: (config) => config.labels.length >= 2 && problemOf(config) === "single-label",
  answerOf: ({ logits }, row) => rowOf(logits, row),
  divergenceOf: (unreduced, reduced) => divergence(unreduced, reduced),
  loss: `root of the divergence at temperature ${temperature}`,
  lossOf: (unreduced, reduced) => Math.sqrt(Math.max(0, divergence(unreduced, reduced, temperature))),
  same: (unreduced, reduced) => bestClass(unreduced) === bestClass(reduced),
};

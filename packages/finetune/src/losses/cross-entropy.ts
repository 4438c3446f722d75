import { type Loss, logSoftmax, meanOf } from "./loss.js";

export const crossEntropy: Loss = {
  name: "cross-entropy",
  description: "the labels, with label smoothing",
  answers: "classes",
  needsLabels: true,
  needsTeacher: false,
  of: ({ tf, answers, targets }) => tf.neg(meanOf(tf, tf.sum(tf.mul(targets!, logSoftmax(tf, answers)), 1))),
};

import { crossEntropy } from "./cross-entropy.js";
import { distillation } from "./distillation.js";
import type { Loss } from "./loss.js";

export const mixed: Loss = {
  name: "mixed",
  description: "labels and the answers of the unreduced model",
  answers: "classes",
  needsLabels: true,
  needsTeacher: true,
  of: (input, settings) =>
    input.tf.add(
      input.tf.mul(crossEntropy.of(input, settings), settings.labelShare),
      input.tf.mul(distillation.of(input, settings), 1 - settings.labelShare),
    ),
};

import type { Optimizer } from "./optimizer.js";

const momentum = 0.9;

/** m = 0.9 m + g, w -= lr (m + decay w). */
export const sgd: Optimizer = {
  name: "sgd",
  description: "gradient descent with momentum 0.9",
  slots: ["momentum"],
  update(values, gradient, { momentum: kept }, { learningRate, weightDecay }) {
    for (let i = 0; i < values.length; i++) {
      kept![i] = momentum * kept![i]! + gradient[i]!;
      values[i]! -= learningRate * (kept![i]! + weightDecay * values[i]!);
    }
  },
};

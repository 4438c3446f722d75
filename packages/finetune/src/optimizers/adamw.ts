import type { Optimizer } from "./optimizer.js";

const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8];

/** w -= lr (m' / (sqrt(v') + e) + decay w), with m' and v' corrected for their start at 0 (Loshchilov and Hutter, arXiv 1711.05101). */
export const adamw: Optimizer = {
  name: "adamw",
  description: "Adam with decoupled weight decay",
  slots: ["mean", "square"],
  update(values, gradient, { mean, square }, { learningRate, weightDecay, step }) {
    const [correction1, correction2] = [1 - beta1 ** step, 1 - beta2 ** step];
    for (let i = 0; i < values.length; i++) {
      const g = gradient[i]!;
      const m = beta1 * mean![i]! + (1 - beta1) * g;
      const v = beta2 * square![i]! + (1 - beta2) * g * g;
      mean![i] = m;
      square![i] = v;
      const move = m / correction1 / (Math.sqrt(v / correction2) + epsilon);
      values[i]! -= learningRate * (move + weightDecay * values[i]!);
    }
  },
};

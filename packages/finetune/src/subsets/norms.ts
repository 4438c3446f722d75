import { isHead, isSmall, type Subset } from "./subset.js";

export const norms: Subset = {
  name: "norms",
  description: "norms, biases and the head",
  learningRate: 1e-3,
  trains: (name) => isSmall(name) || isHead(name),
};

import { isHead, isSmall, type Subset } from "./subset.js";

export const lastBlocks: Subset = {
  name: "last-blocks",
  description: "the last blocks, and all norms, biases and the head",
  learningRate: 1e-4,
  trains(name, { config, blocks }) {
    const [, layer] = /^blocks\.(\d+)\./.exec(name) ?? [];
    return isSmall(name) || isHead(name) || (layer !== undefined && Number(layer) >= config.layers - blocks);
  },
};

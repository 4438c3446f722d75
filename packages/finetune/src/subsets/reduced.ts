import { isHead, type Subset } from "./subset.js";

/** The part of a block before its tokens are removed. */
const beforeRemoval = /^blocks\.\d+\.(norm1|query|key|value|output)\./;

/** Whether a parameter is used only after the first removal of tokens, which is in block `firstStage`. */
export function isAfterRemoval(name: string, firstStage: number): boolean {
  const [, layer] = /^blocks\.(\d+)\./.exec(name) ?? [];
  if (layer === undefined) return isHead(name);
  return Number(layer) > firstStage || (Number(layer) === firstStage && !beforeRemoval.test(name));
}

export const reduced: Subset = {
  name: "reduced",
  description: "what the reduction changes: all that comes after the first removal of tokens",
  learningRate: 1e-4,
  trains: (name, { firstStage }) => firstStage !== undefined && isAfterRemoval(name, firstStage),
};

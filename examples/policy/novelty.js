/**
 * A reduction policy in one file. It drops the tokens whose keys are most similar to the mean key, because other tokens carry
 * the same information.
 *
 * novelty_j = -cos(k_j, mean_i k_i / |k_i|); the `removed` unprotected tokens of lowest novelty are dropped.
 */
import { cosine, highest, hostTensor, mostDroppable } from "@ppt-vit/core/policy";

/** @satisfies {import("@ppt-vit/core/policy").ReductionPolicy} */
export const novelty = {
  name: "novelty",
  title: "drop what is like the mean",
  description: "drops the tokens whose keys are most like the mean key",
  colour: "#e69f00",
  // Nothing is merged, so every size stays 1.
  proportionalAttention: false,
  mostRemovable: mostDroppable,
  action: () => "prune",
  macs: ({ tokensIn }, keySize) => 2 * tokensIn * keySize,

  // Shapes are known here, once for each stage. Constants are made here too.
  destinations({ tokensIn: N, protectedTokens: P }) {
    // Protected tokens get the first rows, in their own order. Novelty never exceeds 1, so these values are larger.
    const lead = hostTensor([N], (j) => (j < P ? 1 + P - j : 0));

    // The program. `keys` [B, N, d] are summed over heads. A cosine ignores scale, so the sum serves as well as the mean.
    return (ops, { keys }) => {
      const directions = ops.lpNormalize(keys, 2);
      const mean = ops.lpNormalize(ops.sum(directions, 1), 2); // [B, 1, d]
      const likeness = ops.matMul(directions, ops.transpose(mean, [0, 2, 1])); // [B, N, 1]
      const score = ops.sub(0, ops.reshape(likeness, [keys.shape[0], N]));
      const leading = ops.constant(lead);
      // Each token goes to the row of its rank. Rows from `tokensOut` on are dropped.
      return { destination: ops.rankDescending(ops.where(ops.greater(leading, 0), leading, score)) };
    };
  },
};

/**
 * The same for one image, in plain JavaScript. The conformance suite compares the program with it on any backend.
 * @type {import("@ppt-vit/core/policy").PolicyReference}
 */
export const noveltyReference = {
  settings: {},
  rows({ keys, unprotected, removed }) {
    const directions = keys.map((key) => key.map((value) => value / Math.hypot(...key)));
    const mean = directions[0].map((_, c) => directions.reduce((sum, direction) => sum + direction[c], 0));
    const score = keys.map((key) => -cosine(key, mean));
    return highest(unprotected, score, unprotected.length - removed);
  },
};

/** How much each token matters, and how unevenly: what decides between pruning and pooling (section 3.2, 3.3). */

import { hostTensor } from "../composites.js";
import type { Observation, Ops, Tensor } from "../seam.js";
import type { ReductionStage, Significance } from "./policy.js";

/**
 * s_j = a_j |v_j| / sum_i a_i |v_i| over unprotected tokens, and its variance.
 */
export function significance({ tokensIn: N, protectedTokens }: ReductionStage) {
  const unprotected = N - protectedTokens;
  const keep = hostTensor([N], (j) => (j < protectedTokens ? 0 : 1));
  // The scores sum to 1. Protected tokens score 0, and their mean here is 0 too, so they deviate by nothing.
  const mean = hostTensor([N], (j) => (j < protectedTokens ? 0 : 1 / unprotected));

  return <T extends Tensor>(
    ops: Ops<T>,
    { classAttention, valueNorms }: Pick<Observation<T>, "classAttention" | "valueNorms">,
  ): Significance<T> => {
    // Float32 whatever the model computes in: variances of 1e-5 and below drown in half precision.
    const raw = ops.mul(ops.mul(classAttention, valueNorms), ops.constant(keep));
    // If all values are 0, all scores are 0.
    const scores = ops.lpNormalize(raw, 1);
    const deviation = ops.sub(scores, ops.constant(mean));
    const variance = ops.div(ops.sum(ops.mul(deviation, deviation), 1), unprotected - 1);
    return { scores, variance };
  };
}

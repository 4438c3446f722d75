/** Significance scores, and their variance, which decides between pruning and pooling (paper, sections 3.2 and 3.3). */

import { hostTensor } from "../host-tensor.js";
import type { Observation, Ops, Tensor } from "../seam.js";
import type { ReductionStage, Significance } from "./policy.js";

/**
 * Prepares the scores of one stage. Token j scores s_j = a_j |v_j| / sum_i a_i |v_i| over unprotected tokens i, with class
 * attention a and values v.
 */
export function significance({ tokensIn: N, protectedTokens }: ReductionStage) {
  const unprotected = N - protectedTokens;
  const keep = hostTensor([N], (j) => (j < protectedTokens ? 0 : 1));
  // The scores sum to 1, so their mean is 1 / unprotected. Protected tokens score 0 and get mean 0, so they add no variance.
  const mean = hostTensor([N], (j) => (j < protectedTokens ? 0 : 1 / unprotected));

  return <T extends Tensor>(
    ops: Ops<T>,
    { classAttention, valueNorms }: Pick<Observation<T>, "classAttention" | "valueNorms">,
  ): Significance<T> => {
    // Always float32: half precision cannot resolve variances of 1e-5 and below.
    const raw = ops.mul(ops.mul(classAttention, valueNorms), ops.constant(keep));
    // If all values are 0, all scores are 0.
    const scores = ops.lpNormalize(raw, 1);
    const deviation = ops.sub(scores, ops.constant(mean));
    const variance = ops.div(ops.sum(ops.mul(deviation, deviation), 1), unprotected - 1);
    return { scores, variance };
  };
}

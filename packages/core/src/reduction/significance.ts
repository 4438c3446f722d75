/** How much each token matters, whether the image is pruned or pooled, and which tokens pruning keeps (section 3.2, 3.3). */
import type { Ops, Tensor } from "../backend.js";
import { hostTensor } from "../composites.js";
import { type ReductionStage, unprotectedMask } from "./schedule.js";

export interface Significance<T extends Tensor> {
  /** [B, N], summing to 1 over the unprotected tokens; 0 for protected ones. Always float32. */
  readonly scores: T;
  /** [B, 1], unbiased variance of the unprotected tokens' scores. Always float32. */
  readonly variance: T;
}

/**
 * s_j = a_j |v_j| / sum_i a_i |v_i| over unprotected tokens, and its variance.
 * classAttention [B, N] is the class token's attention row summed over heads, values [B, N, C].
 */
export function significance(stage: ReductionStage) {
  const { tokensIn: N, protectedTokens } = stage;
  const mask = unprotectedMask(stage);
  const unprotected = N - protectedTokens;

  return <T extends Tensor>(ops: Ops<T>, classAttention: T, values: T): Significance<T> => {
    // Float32 whatever the model computes in: variances of 1e-5 and below drown in half precision.
    const v = ops.cast(values, "float32");
    const norm = ops.reshape(ops.sqrt(ops.sum(ops.mul(v, v), 2)), [v.shape[0]!, N]);
    const keep = ops.constant(mask);
    const raw = ops.mul(ops.mul(ops.cast(classAttention, "float32"), norm), keep);
    const sum = ops.sum(raw, 1);
    // Values of length 0 make no token significant; without this every score would be NaN.
    const scores = ops.div(raw, ops.where(ops.greater(sum, 0), sum, 1));
    // The scores sum to 1, so their mean is 1 / unprotected.
    const deviation = ops.mul(ops.sub(scores, 1 / unprotected), keep);
    const variance = ops.div(ops.sum(ops.mul(deviation, deviation), 1), unprotected - 1);
    return { scores, variance };
  };
}

/**
 * Pruning: each token goes to its rank by score, scores [B, N] -> destination [B, N]. Protected tokens rank first, in
 * their order; the `removed` tokens with the lowest scores land beyond the last kept row.
 */
export function pruneDestinations({ tokensIn, protectedTokens }: ReductionStage) {
  // Protected tokens score 2 and more, above any normalised score.
  const lead = hostTensor([tokensIn], (j) => (j < protectedTokens ? 1 + protectedTokens - j : 0));
  return <T extends Tensor>(ops: Ops<T>, scores: T): T => ops.rankDescending(ops.add(scores, ops.constant(lead)));
}

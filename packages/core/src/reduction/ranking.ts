/** Ranks tokens by the class token's attention, for policies that drop or fuse the lowest ranks. */

import { hostTensor } from "../composites.js";
import type { Ops, Tensor } from "../seam.js";
import type { ReductionStage } from "./policy.js";

/** The most tokens that one stage can drop: all unprotected tokens but one. */
export const mostDroppable = (tokens: number, protectedTokens: number): number =>
  Math.max(0, tokens - protectedTokens - 1);

/**
 * Prepares the ranking of one stage: rank [B, N] in descending order of class attention, with protected tokens first, and
 * attention [B, N], the class attention averaged over heads.
 */
export function attentionRank({ tokensIn: N, protectedTokens }: ReductionStage, heads: number) {
  // Protected tokens get more than 1, which no attention exceeds, so they rank first.
  const lead = hostTensor([N], (j) => (j < protectedTokens ? 1 + protectedTokens - j : 0));
  return <T extends Tensor>(ops: Ops<T>, classAttention: T): { rank: T; attention: T } => {
    const first = ops.constant(lead);
    const attention = ops.div(classAttention, heads);
    return { rank: ops.rankDescending(ops.where(ops.greater(first, 0), first, attention)), attention };
  };
}

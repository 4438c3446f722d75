/** Ranks tokens by the class token's attention, for policies that drop or fuse the lowest ranks. */

import type { Ops, Tensor } from "../seam.js";
import type { ReductionStage } from "./policy.js";

/** The most tokens that one stage can drop: all unprotected tokens but one. */
export const mostDroppable = (tokens: number, protectedTokens: number): number =>
  Math.max(0, tokens - protectedTokens - 1);

/**
 * Prepares the ranking of one stage: rank [B, N] in descending order of class attention, with protected tokens first, and
 * attention [B, N], the class attention averaged over heads.
 */
export function attentionRank({ protectedTokens }: ReductionStage, heads: number) {
  return <T extends Tensor>(ops: Ops<T>, classAttention: T): { rank: T; attention: T } => {
    const attention = ops.div(classAttention, heads);
    return { rank: ops.rankDescending(attention, protectedTokens), attention };
  };
}

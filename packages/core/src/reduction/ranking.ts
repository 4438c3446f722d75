/** Ranking tokens by the class token's attention, for policies that drop or fuse the last of them. */

import { hostTensor } from "../composites.js";
import type { Ops, Tensor } from "../seam.js";
import type { ReductionStage } from "./policy.js";

/** Most tokens that one stage can drop: all but the protected ones and one other. */
export const mostDroppable = (tokens: number, protectedTokens: number): number =>
  Math.max(0, tokens - protectedTokens - 1);

/** rank [B, N] in descending order of class attention, protected tokens first; attention [B, N] is the mean over heads. */
export function attentionRank({ tokensIn: N, protectedTokens }: ReductionStage, heads: number) {
  // No attention exceeds 1.
  const lead = hostTensor([N], (j) => (j < protectedTokens ? 1 + protectedTokens - j : 0));
  return <T extends Tensor>(ops: Ops<T>, classAttention: T): { rank: T; attention: T } => {
    const first = ops.constant(lead);
    const attention = ops.div(classAttention, heads);
    return { rank: ops.rankDescending(ops.where(ops.greater(first, 0), first, attention)), attention };
  };
}

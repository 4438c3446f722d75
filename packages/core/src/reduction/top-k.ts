/**
 * Prune only: the tokens that the class token attends to least are dropped, whatever their values. EViT without its fused
 * token (Liang et al., arXiv 2202.07800, section 3.2), and the baseline that the PPT paper's pruning starts from.
 */
import type { Ops, Tensor } from "../backend.js";
import { hostTensor } from "../composites.js";
import { type Destinations, mostDroppable, type PolicyInput, type ReductionPolicy } from "./policy.js";
import type { ReductionStage } from "./schedule.js";

/**
 * rank [B, N] in descending order of class attention, protected tokens first; attention [B, N] is the mean over heads.
 */
export function attentionRank({ tokensIn: N, protectedTokens }: ReductionStage, heads: number) {
  // No attention exceeds 1.
  const lead = hostTensor([N], (j) => (j < protectedTokens ? 1 + protectedTokens - j : 0));
  return <T extends Tensor>(ops: Ops<T>, classAttention: T): { rank: T; attention: T } => {
    const first = ops.constant(lead);
    const attention = ops.div(classAttention, heads);
    return { rank: ops.rankDescending(ops.where(ops.greater(first, 0), first, attention)), attention };
  };
}

function destinations(stage: ReductionStage, heads: number) {
  const rankOf = attentionRank(stage, heads);
  return <T extends Tensor>(ops: Ops<T>, { classAttention }: PolicyInput<T>): Destinations<T> => ({
    destination: ops.scope("prune", () => rankOf(ops, classAttention).rank),
  });
}

export const topK = {
  does: "prune",
  // Nothing is merged: every size stays 1.
  proportionalAttention: false,
  mostRemovable: mostDroppable,
  comparesTokens: false,
  destinations,
} as const satisfies ReductionPolicy;

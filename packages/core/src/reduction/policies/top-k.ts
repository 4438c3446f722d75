/**
 * Top-k attention: prunes the tokens that the class token attends to least, whatever their values. This is EViT without its
 * fused token (Liang et al., arXiv 2202.07800, section 3.2), and the baseline that the PPT paper's pruning improves on.
 */
import type { Ops, Tensor } from "../../seam.js";
import type { Destinations, PolicyInput, ReductionPolicy, ReductionStage } from "../policy.js";
import { attentionRank, mostDroppable } from "../ranking.js";
import { highest, type PolicyReference } from "../reference.js";

function destinations(stage: ReductionStage, heads: number) {
  const rankOf = attentionRank(stage, heads);
  return <T extends Tensor>(ops: Ops<T>, { classAttention }: PolicyInput<T>): Destinations<T> => ({
    destination: ops.scope("prune", () => rankOf(ops, classAttention).rank),
  });
}

export const topK = {
  name: "top-k",
  title: "Top-k attention",
  description: "drops the tokens that the class token attends to least",
  colour: "#d55e00",
  // Every size stays 1, because no tokens merge.
  proportionalAttention: false,
  mostRemovable: mostDroppable,
  action: () => "prune",
  destinations,
} as const satisfies ReductionPolicy;

export const topKReference: PolicyReference = {
  settings: {},
  rows: ({ attention, unprotected, removed }) => highest(unprotected, attention, unprotected.length - removed),
};

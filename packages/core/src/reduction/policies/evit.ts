/**
 * EViT at inference: the tokens that the class token attends to least are fused into one, as a sum weighted by that
 * attention (Liang et al., "Not All Patches are What You Need", arXiv 2202.07800, section 3.2, equation 4).
 *
 * fused = sum over the fused tokens i of a_i x_i, where a_i is the class attention averaged over heads. The weights are not
 * normalised. Later stages treat the fused token like any other. Fusing `removed + 1` tokens leaves `removed` tokens fewer.
 */
import type { Ops, Tensor } from "../../seam.js";
import type { Destinations, PolicyInput, ReductionPolicy, ReductionStage } from "../policy.js";
import { attentionRank, mostDroppable } from "../ranking.js";
import { descending, type PolicyReference } from "../reference.js";

function destinations(stage: ReductionStage, heads: number) {
  const { tokensIn: N, tokensOut } = stage;
  const fusedRow = tokensOut - 1;
  const rankOf = attentionRank(stage, heads);
  return <T extends Tensor>(ops: Ops<T>, { classAttention }: PolicyInput<T>): Destinations<T> =>
    ops.scope("fuse", () => {
      const { rank, attention } = rankOf(ops, classAttention);
      const isKept = ops.greater(fusedRow, rank);
      const weights = ops.where(isKept, 1, attention);
      return {
        destination: ops.where(isKept, rank, fusedRow),
        weights: ops.reshape(weights, [weights.shape[0]!, N, 1]),
      };
    });
}

export const evit = {
  name: "evit",
  title: "EViT",
  description: "sums the tokens that the class token attends to least into one",
  colour: "#cc79a7",
  // As published: EViT's attention does not use sizes.
  proportionalAttention: false,
  mostRemovable: mostDroppable,
  action: () => "fuse",
  destinations,
} as const satisfies ReductionPolicy;

export const evitReference: PolicyReference = {
  settings: {},
  rows({ attention, unprotected, removed }) {
    const order = descending(unprotected.map((token) => attention[token]!)).map((i) => unprotected[i]!);
    const kept = order.slice(0, order.length - removed - 1);
    const fused = order.slice(kept.length);
    return [
      ...kept.map((token) => ({ tokens: [token] })),
      { tokens: fused, weights: fused.map((token) => attention[token]!) },
    ];
  },
};

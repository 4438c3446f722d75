/**
 * EViT's inference form: the tokens that the class token attends to least are fused into one, their sum weighted by that
 * attention (Liang et al., "Not All Patches are What You Need", arXiv 2202.07800, section 3.2, equation 4).
 *
 * fused = sum over dropped i of a_i x_i, with a_i the class attention averaged over heads. The weights are not made to
 * sum to 1, and the fused token takes part in what follows like any other. To end with `removed` tokens fewer,
 * `removed + 1` are fused.
 */
import type { Ops, Tensor } from "../backend.js";
import { type Destinations, mostDroppable, type PolicyInput, type ReductionPolicy } from "./policy.js";
import type { ReductionStage } from "./schedule.js";
import { attentionRank } from "./top-k.js";

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
  does: "fuse",
  // As published: attention there knows nothing of sizes.
  proportionalAttention: false,
  mostRemovable: mostDroppable,
  comparesTokens: false,
  destinations,
} as const satisfies ReductionPolicy;

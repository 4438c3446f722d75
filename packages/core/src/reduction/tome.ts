/**
 * ToMe: every image is pooled by bipartite soft matching, as published in every block with the same count
 * (Bolya et al., "Token Merging: Your ViT But Faster", arXiv 2210.09461, section 3; written from the paper).
 */
import type { Ops, Tensor } from "../backend.js";
import { bipartiteMatching, mostMergeable } from "./matching.js";
import type { Destinations, PolicyInput, ReductionPolicy } from "./policy.js";
import type { ReductionStage } from "./schedule.js";

function destinations(stage: ReductionStage) {
  const matching = bipartiteMatching(stage);
  return <T extends Tensor>(ops: Ops<T>, { keys }: PolicyInput<T>): Destinations<T> => {
    const { similarity, rowOfPick } = ops.scope("match", () => matching.match(ops, keys));
    const rank = ops.scope("rank", () => ops.rankDescending(similarity));
    return { destination: ops.scope("pool", () => matching.destinations(ops, rank, rowOfPick)) };
  };
}

export const tome = {
  does: "pool",
  proportionalAttention: true,
  mostRemovable: mostMergeable,
  comparesTokens: true,
  destinations,
} as const satisfies ReductionPolicy;

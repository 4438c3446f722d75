/**
 * ToMe: pools every image by bipartite soft matching. Its authors apply it in every block with the same count
 * (Bolya et al., "Token Merging: Your ViT But Faster", arXiv 2210.09461, section 3). The code is written from the paper.
 */
import type { Ops, Tensor } from "../../seam.js";
import { bipartiteMatching, matchingMacs, mostMergeable } from "../matching.js";
import type { Destinations, PolicyInput, ReductionPolicy, ReductionStage } from "../policy.js";
import { matchedRows, type PolicyReference } from "../reference.js";

function destinations(stage: ReductionStage) {
  const matching = bipartiteMatching(stage);
  return <T extends Tensor>(ops: Ops<T>, { keys }: PolicyInput<T>): Destinations<T> => {
    const { similarity, row } = ops.scope("match", () => matching.match(ops, keys));
    const rank = ops.scope("rank", () => ops.rankDescending(similarity, stage.protectedTokens));
    return { destination: ops.scope("pool", () => matching.destinations(ops, rank, row)) };
  };
}

export const tome = {
  name: "tome",
  title: "ToMe",
  description: "averages the most similar tokens",
  colour: "#009e73",
  proportionalAttention: true,
  inEveryBlock: true,
  mostRemovable: mostMergeable,
  action: () => "pool",
  macs: matchingMacs,
  destinations,
} as const satisfies ReductionPolicy;

export const tomeReference: PolicyReference = { settings: {}, rows: matchedRows };

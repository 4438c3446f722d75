/**
 * PPT: prune or pool, decided for each image by how unevenly its scores are spread (Wu et al., arXiv 2310.01812,
 * section 3.3).
 */
import type { Ops, Tensor } from "../backend.js";
import { hostTensor } from "../composites.js";
import { bipartiteMatching, mostMergeable } from "./matching.js";
import type { Destinations, PolicyInput, ReductionPolicy } from "./policy.js";
import type { ReductionStage } from "./schedule.js";

/**
 * One ranking serves both ways: by similarity where the image is pooled, else by score. Pruning sends each token to
 * its rank, protected ones first, so that the `removed` lowest scores land beyond the last row.
 */
function destinations(stage: ReductionStage) {
  const { tokensIn: N, protectedTokens, threshold } = stage;
  const matching = threshold === "prune" ? undefined : bipartiteMatching(stage);
  // Protected tokens score 2 and more, above any normalised score.
  const lead = hostTensor([N], (j) => (j < protectedTokens ? 1 + protectedTokens - j : 0));

  return <T extends Tensor>(
    ops: Ops<T>,
    { scores, variance, keys }: Omit<PolicyInput<T>, "classAttention">,
  ): Destinations<T> => {
    const ranked = () => ops.add(scores, ops.constant(lead));
    if (!matching) return { destination: ops.scope("prune", () => ops.rankDescending(ranked())) };

    // variance >= threshold prunes
    const pools = typeof threshold === "number" ? ops.greater(threshold, variance) : undefined;
    const { similarity, rowOfPick } = ops.scope("match", () => matching.match(ops, keys));
    const rank = ops.scope("rank", () =>
      ops.rankDescending(pools ? ops.where(pools, similarity, ranked()) : similarity),
    );
    const pooled = ops.scope("pool", () => matching.destinations(ops, rank, rowOfPick));
    return { destination: pools ? ops.where(pools, pooled, rank) : pooled, pools };
  };
}

export const ppt = {
  does: "byThreshold",
  proportionalAttention: true,
  // Pruning is held to the same number, so that one static graph serves both.
  mostRemovable: mostMergeable,
  comparesTokens: true,
  destinations,
} as const satisfies ReductionPolicy;

/**
 * DiffRate's compression: prunes the tokens that the class token attends to least, and merges the next ones into the tokens that
 * stay (Chen et al., "DiffRate: Differentiable Compression Rate for Efficient Vision Transformers", arXiv 2305.17997, sections 3.1 and
 * 3.2). The code is written from the paper.
 *
 * With ranks by class attention a, r tokens to remove and p of them pruned, K = N - r tokens stay:
 *   rank < K            stays, in the row of its rank
 *   K <= rank < N - p   merges into argmax over unprotected k with rank_k < K of cos(key_j, key_k)
 *   N - p <= rank       is dropped
 * Rows: protected tokens, then the others by descending class attention, each with the tokens that merged into it. The paper finds both
 * rates by training. Here they are settings: `tokensRemoved` and `pruneShare`. Similarity is that of the keys, as in ToMe.
 */
import { hostTensor } from "../../host-tensor.js";
import type { Ops, Tensor } from "../../seam.js";
import { matchingMacs } from "../matching.js";
import type { Destinations, PolicyInput, PolicySetting, ReductionPolicy, ReductionStage } from "../policy.js";
import { mostDroppable } from "../ranking.js";
import { cosine, descending, type PolicyReference } from "../reference.js";

/** DiffRate's own settings. */
export interface DiffRateSettings {
  /** Share of the removed tokens that are pruned, rounded down. The others merge. */
  readonly pruneShare: number;
}

const pruneShare: PolicySetting<number> = {
  expected: "a number from 0 (merge all) to 1 (prune all)",
  parse(value = 0) {
    return typeof value === "number" && value >= 0 && value <= 1 ? value : undefined;
  },
  describe: (value) => `${Number((100 * value).toPrecision(3))} %`,
};

/** Number of tokens that a stage prunes. Adding 1e-9 keeps a product that rounds to just below a whole number. */
const prunedOf = ({ removed, settings }: ReductionStage<DiffRateSettings>): number =>
  Math.floor(settings.pruneShare * removed + 1e-9);

function destinations(stage: ReductionStage<DiffRateSettings>) {
  const { tokensIn: N, tokensOut, protectedTokens: P } = stage;
  const firstPruned = N - prunedOf(stage);
  // The ranks of the tokens that others may merge into: those that stay and are not protected.
  const partnerRanks = hostTensor([tokensOut - P, 1], (i) => P + i);
  return <T extends Tensor>(ops: Ops<T>, { classAttention, keys }: PolicyInput<T>): Destinations<T> => {
    // The attention summed over heads ranks as its mean does.
    const rank = ops.scope("rank", () => ops.rankDescending(classAttention, P));
    // A pruned token has a rank beyond the last row.
    if (firstPruned === tokensOut) return { destination: rank };
    const row = ops.scope("match", () => {
      const B = rank.shape[0]!;
      const metric = ops.lpNormalize(keys, 2);
      // Partners by rank, which is their output row. Of equal cosines the first counts, which is the most attended.
      const isPartner = ops.equal(ops.constant(partnerRanks), ops.reshape(rank, [B, 1, N]));
      const partners = ops.matMul(ops.cast(isPartner, "float32"), metric);
      const cosines = ops.matMul(metric, ops.transpose(partners, [0, 2, 1]));
      return ops.add(ops.argMax(cosines), P);
    });
    return {
      destination: ops.scope("merge", () => {
        const merged = ops.where(ops.greater(tokensOut, rank), rank, row);
        return firstPruned === N ? merged : ops.where(ops.greater(firstPruned, rank), merged, N);
      }),
    };
  };
}

export const diffrate = {
  name: "diffrate",
  title: "DiffRate",
  description:
    "merges the tokens that the class token attends to least into their most similar ones, or prunes a share of them",
  colour: "#882255",
  settings: { pruneShare },
  proportionalAttention: true,
  mostRemovable: mostDroppable,
  action: ({ pruneShare }) => (pruneShare === 1 ? "prune" : "pool"),
  macs: (stage, keySize) => (prunedOf(stage) < stage.removed ? matchingMacs(stage, keySize) : 0),
  destinations,
} as const satisfies ReductionPolicy<DiffRateSettings>;

export const diffrateReference: PolicyReference<DiffRateSettings> = {
  // Of 3 or 4 removed tokens one or two are pruned, and of 2 one.
  settings: { pruneShare: 0.5 },
  rows({ attention, keys, unprotected, removed }, { pruneShare }) {
    const order = descending(unprotected.map((token) => attention[token]!)).map((i) => unprotected[i]!);
    const kept = order.slice(0, order.length - removed);
    const merging = order.slice(kept.length, order.length - Math.floor(pruneShare * removed));
    const likeness = (a: number, b: number) => cosine(keys[a]!, keys[b]!);
    const picks = merging.map((a) => kept.reduce((best, b) => (likeness(a, b) > likeness(a, best) ? b : best)));
    return kept.map((token) => ({ tokens: [token, ...merging.filter((_, i) => picks[i] === token)] }));
  },
};

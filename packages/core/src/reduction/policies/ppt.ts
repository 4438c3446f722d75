/**
 * PPT: prunes or pools, decided for each image by the variance of its significance scores (Wu et al., arXiv 2310.01812,
 * section 3.3).
 */

import { hostTensor } from "../../host-tensor.js";
import type { Ops, Tensor } from "../../seam.js";
import { bipartiteMatching, matchingMacs, mostMergeable } from "../matching.js";
import type { Destinations, PolicyInput, PolicySetting, ReductionPolicy, ReductionStage } from "../policy.js";
import { highest, matchedRows, type PolicyReference } from "../reference.js";

/**
 * The variance of the scores from which an image is pruned instead of pooled (paper, section 3.3). A number is the variance
 * itself, as published (7e-5 for DeiT). `scaleFree` is compared with N^2 * variance for N unprotected tokens, so one number
 * serves every stage and resolution. `prune` or `pool` is the action for all images.
 */
export type Threshold = number | { readonly scaleFree: number } | "prune" | "pool";

const threshold: PolicySetting<Threshold> = {
  expected: "a number of at least 0, { scaleFree: number }, 'prune' or 'pool'",
  // Thresholds 0 and Infinity fix the action, so they become that action. JSON can hold it, unlike Infinity.
  parse(value) {
    if (value === "prune" || value === "pool") return value;
    const scaleFree = scaleFreeOf(value);
    const number = scaleFree ?? value;
    if (typeof number !== "number" || !(number >= 0)) return undefined;
    if (number === 0) return "prune";
    if (number === Number.POSITIVE_INFINITY) return "pool";
    return scaleFree === undefined ? number : { scaleFree };
  },
  describe: (value) =>
    typeof value === "object" ? `scale-free ${Number(value.scaleFree.toPrecision(3))}` : String(value),
};

function scaleFreeOf(value: unknown): number | undefined {
  if (typeof value !== "object" || value === null || Object.keys(value).join() !== "scaleFree") return undefined;
  const { scaleFree } = value as { scaleFree: unknown };
  return typeof scaleFree === "number" ? scaleFree : undefined;
}

/** The variance from which this stage prunes, or its action for all images. */
export interface StageSettings {
  readonly threshold: number | "prune" | "pool";
}

/** Above every variance. */
const unlimited = 2 ** 120;

/**
 * One ranking serves both actions: by similarity if the image is pooled, by score if it is pruned. Pruning sends each token
 * to the row of its rank, with protected tokens first. The `removed` lowest scores thus land beyond the last row.
 */
function destinations(stage: ReductionStage<StageSettings>) {
  const { tokensIn, protectedTokens } = stage;
  const { threshold } = stage.settings;
  // A limit for each token. That of protected ones is above every variance: both actions send them to the same rows, and a
  // backend can see that only their similarity is ranked.
  const limits =
    typeof threshold === "number"
      ? hostTensor([tokensIn], (j) => (j < protectedTokens ? unlimited : threshold))
      : undefined;
  const matching = threshold === "prune" ? undefined : bipartiteMatching(stage);

  return <T extends Tensor>(
    ops: Ops<T>,
    { scores, variance, keys }: Omit<PolicyInput<T>, "classAttention">,
  ): Destinations<T> => {
    if (!matching) return { destination: ops.scope("prune", () => ops.rankDescending(scores, protectedTokens)) };

    // threshold > variance pools, variance >= threshold prunes.
    const pools = typeof threshold === "number" ? ops.greater(threshold, variance) : undefined;
    const tokenPools = limits && ops.greater(ops.constant(limits), variance);
    const { similarity, row } = ops.scope("match", () => matching.match(ops, keys));
    const rank = ops.scope("rank", () =>
      ops.rankDescending(tokenPools ? ops.where(tokenPools, similarity, scores) : similarity, protectedTokens),
    );
    const pooled = ops.scope("pool", () => matching.destinations(ops, rank, row));
    return { destination: tokenPools ? ops.where(tokenPools, pooled, rank) : pooled, pools };
  };
}

export const ppt = {
  name: "ppt",
  title: "PPT",
  description: "prunes or pools, decided for each image by the variance of its scores",
  colour: "#0072b2",
  settings: {
    /** Required. See `Threshold`. */
    threshold,
  },
  proportionalAttention: true,
  // Pruning could remove more, but both actions must remove the same number: one static graph computes either.
  mostRemovable: mostMergeable,
  stageSettings({ threshold }: { threshold: Threshold }, { tokensIn, protectedTokens }) {
    if (typeof threshold !== "object") return { threshold };
    // The quotient may round to 0, and a threshold of 0 prunes every image.
    return { threshold: threshold.scaleFree / (tokensIn - protectedTokens) ** 2 || "prune" };
  },
  action: ({ threshold }) => (typeof threshold === "number" ? "byImage" : threshold),
  decidesAt: ({ threshold }) => (typeof threshold === "number" ? threshold : undefined),
  macs: matchingMacs,
  destinations,
} as const satisfies ReductionPolicy<{ threshold: Threshold }, StageSettings>;

export const pptReference: PolicyReference<{ threshold: { scaleFree: number } }> = {
  // Some of the suite's images lie above this threshold and some below. The suite fails if all get the same action.
  settings: { threshold: { scaleFree: 2.8 } },
  rows(seen, { threshold: { scaleFree } }) {
    const { attention, values, unprotected, removed } = seen;
    const raw = attention.map((a, i) => a * Math.hypot(...values[i]!));
    const total = unprotected.reduce((sum, i) => sum + raw[i]!, 0);
    const N = unprotected.length;
    const variance = unprotected.reduce((sum, i) => sum + (raw[i]! / total - 1 / N) ** 2, 0) / (N - 1);
    return variance < scaleFree / N ** 2 ? matchedRows(seen) : highest(unprotected, raw, N - removed);
  },
};

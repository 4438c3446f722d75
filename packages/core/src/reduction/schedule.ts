/** The plan made from the settings for one model: which block removes how many tokens, and how. */
import { PptError } from "../errors.js";
import { type PolicyName, policies } from "./policies.js";
import type { Policy } from "./policy.js";
import { parseReduction, type ReductionConfig, type Threshold, type TokensRemoved } from "./settings.js";

// What the model and its cost are built from, in one place.
export { type Policy, parseReduction, type ReductionConfig };

/** One reducing block, with the constants its formulas need. */
export interface ReductionStage {
  readonly layer: number;
  readonly policy: PolicyName;
  /** Tokens that enter and leave, protected ones included. */
  readonly tokensIn: number;
  readonly tokensOut: number;
  readonly removed: number;
  /** The first tokens of the sequence (class, distillation): never scored, matched or removed. */
  readonly protectedTokens: number;
  /** Absolute threshold of this stage, or what happens to all images. */
  readonly threshold: number | Policy;
}

export interface ReductionPlan {
  readonly stages: readonly ReductionStage[];
  readonly proportionalAttention: boolean;
}

/**
 * The stages of a model of `layers` blocks that starts with `tokens` tokens. Stages that can remove nothing are left out.
 * @throws PptError INVALID_REDUCTION
 */
export function planReduction(
  reduction: ReductionConfig | undefined,
  model: { layers: number; tokens: number; protectedTokens: number },
): ReductionPlan {
  if (reduction === undefined) return { stages: [], proportionalAttention: false };
  const { layers, tokensRemoved, policy = "ppt", threshold, ...rest } = parseReduction(reduction);
  const { protectedTokens } = model;
  const { does, mostRemovable, proportionalAttention } = policies[policy];
  const stages: ReductionStage[] = [];
  let tokens = model.tokens;
  layers.forEach((layer, i) => {
    if (layer >= model.layers)
      throw new PptError(
        "INVALID_REDUCTION",
        `reduction: layer ${layer} does not exist: the model has ${model.layers} blocks, 0 to ${model.layers - 1}. Choose other layers, or run the model without a reduction`,
      );
    const unprotected = Math.max(0, tokens - protectedTokens);
    const wanted = countOf(isPerLayer(tokensRemoved) ? tokensRemoved[i]! : tokensRemoved, unprotected);
    const removed = Math.min(wanted, mostRemovable(tokens, protectedTokens));
    if (removed === 0) return;
    stages.push({
      layer,
      policy,
      tokensIn: tokens,
      tokensOut: tokens - removed,
      removed,
      protectedTokens,
      threshold: does === "byThreshold" ? stageThreshold(threshold!, unprotected) : does,
    });
    tokens -= removed;
  });
  return { stages, proportionalAttention: rest.proportionalAttention ?? proportionalAttention };
}

const isPerLayer = (removed: ReductionConfig["tokensRemoved"]): removed is readonly TokensRemoved[] =>
  Array.isArray(removed);

/** The tiny number keeps 0.29 of 100 at 29, which floating point puts just below. */
const countOf = (removed: TokensRemoved, unprotected: number): number =>
  typeof removed === "number" ? removed : Math.floor(removed.share * unprotected + 1e-9);

function stageThreshold(threshold: Threshold, unprotected: number): number | Policy {
  if (typeof threshold !== "object") return threshold;
  // What is too small for a float is no threshold at all.
  return threshold.scaleFree / unprotected ** 2 || "prune";
}

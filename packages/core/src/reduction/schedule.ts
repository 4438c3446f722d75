/** Where tokens are reduced, by how many, and by which policy: the user's settings and the plan made from them. */
import { PptError } from "../errors.js";
import { show } from "../show.js";

/**
 * The variance of the scores at or above which an image is pruned instead of pooled (paper, section 3.3):
 * an absolute number, as published (7e-5 for DeiT); `scaleFree`, compared with N^2 * variance for N unprotected tokens,
 * so that one number serves every stage and resolution; or one policy for all images.
 */
export type Threshold = number | { readonly scaleFree: number } | "prune" | "pool";

/** What happened to one image in one stage. */
export type Policy = "prune" | "pool";

export interface ReductionConfig {
  /** Blocks that reduce, counted from 0, ascending. */
  readonly layers: readonly number[];
  /** Tokens to remove in each of them: one number, or one per layer. Clamped to what can be matched. */
  readonly tokensRemoved: number | readonly number[];
  readonly threshold: Threshold;
  /** Add log(size) to the attention logits of merged tokens (section 3.4). Default true; MAE models do better without. */
  readonly proportionalAttention?: boolean;
}

/** One reducing block, with the constants its formulas need. */
export interface ReductionStage {
  readonly layer: number;
  /** Tokens that enter and leave, protected ones included. */
  readonly tokensIn: number;
  readonly tokensOut: number;
  readonly removed: number;
  /** The first tokens of the sequence (class, distillation): never scored, matched or removed. */
  readonly protectedTokens: number;
  /** Absolute threshold of this stage, or the one policy of all images. */
  readonly threshold: number | Policy;
}

export interface ReductionPlan {
  readonly stages: readonly ReductionStage[];
  readonly proportionalAttention: boolean;
}

const invalid = (message: string): never => {
  throw new PptError("INVALID_REDUCTION", `reduction: ${message}`);
};

const keys = new Set(["layers", "tokensRemoved", "threshold", "proportionalAttention"]);

/** Reads settings of unknown origin, such as a `reduction.json`. @throws PptError INVALID_REDUCTION */
export function parseReduction(value: unknown): ReductionConfig {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return invalid(`expected an object with layers, tokensRemoved and threshold, got ${show(value)}`);
  const fields = value as Record<string, unknown>;
  for (const key of Object.keys(fields))
    if (!keys.has(key)) invalid(`unknown field '${key}'; known are ${[...keys].join(", ")}`);
  const { layers, tokensRemoved, threshold, proportionalAttention } = fields;
  const isCount = (n: unknown): n is number => Number.isInteger(n) && (n as number) >= 0;
  // Array.from: `every` passes over the holes of a sparse list.
  const isCounts = (list: unknown): list is number[] => Array.isArray(list) && Array.from(list).every(isCount);
  if (!isCounts(layers)) invalid(`layers must be an array of block numbers, got ${show(layers)}`);
  const blocks = layers as number[];
  blocks.forEach((layer, i) => {
    if (i > 0 && layer <= blocks[i - 1]!) invalid(`layers must ascend without repetition, got ${show(layers)}`);
  });
  if (Array.isArray(tokensRemoved)) {
    if (!isCounts(tokensRemoved)) invalid(`tokensRemoved must hold counts of at least 0, got ${show(tokensRemoved)}`);
    if (tokensRemoved.length !== blocks.length)
      invalid(`tokensRemoved has ${tokensRemoved.length} entries for ${blocks.length} layers`);
  } else if (!isCount(tokensRemoved))
    invalid(`tokensRemoved must be a count of at least 0, got ${show(tokensRemoved)}`);
  if (proportionalAttention !== undefined && typeof proportionalAttention !== "boolean")
    invalid(`proportionalAttention must be true or false, got ${show(proportionalAttention)}`);
  return {
    layers: [...blocks],
    tokensRemoved: tokensRemoved as number | number[],
    threshold: parseThreshold(threshold),
    ...(proportionalAttention === undefined ? {} : { proportionalAttention: proportionalAttention as boolean }),
  };
}

/** 0 and Infinity decide without looking: they become the policies they mean, which JSON can hold too. */
function parseThreshold(value: unknown): Threshold {
  if (value === "prune" || value === "pool") return value;
  const scaleFree =
    typeof value === "object" && value !== null && Object.keys(value).join() === "scaleFree"
      ? (value as { scaleFree: unknown }).scaleFree
      : undefined;
  const number = scaleFree ?? value;
  if (typeof number !== "number" || !(number >= 0))
    return invalid(
      `threshold must be a number of at least 0, { scaleFree: number }, 'prune' or 'pool', got ${show(value)}`,
    );
  if (number === 0) return "prune";
  if (number === Number.POSITIVE_INFINITY) return "pool";
  return scaleFree === undefined ? number : { scaleFree: number };
}

/** Most tokens that one stage can remove: every unprotected token of set A merged away, if set B offers a partner. */
function mostRemovable(tokens: number, protectedTokens: number): number {
  const unprotectedA = Math.ceil(tokens / 2) - Math.ceil(protectedTokens / 2);
  const unprotectedB = Math.floor(tokens / 2) - Math.floor(protectedTokens / 2);
  return unprotectedB > 0 ? unprotectedA : 0;
}

/**
 * The stages of a model of `layers` blocks that starts with `tokens` tokens. Stages that can remove nothing are left out.
 * @throws PptError INVALID_REDUCTION
 */
export function planReduction(
  reduction: ReductionConfig | undefined,
  model: { layers: number; tokens: number; protectedTokens: number },
): ReductionPlan {
  if (!reduction) return { stages: [], proportionalAttention: false };
  const { layers, tokensRemoved, threshold, proportionalAttention = true } = parseReduction(reduction);
  const stages: ReductionStage[] = [];
  let tokens = model.tokens;
  layers.forEach((layer, i) => {
    if (layer >= model.layers)
      invalid(`layer ${layer} does not exist: the model has ${model.layers} blocks, 0 to ${model.layers - 1}`);
    const wanted = typeof tokensRemoved === "number" ? tokensRemoved : tokensRemoved[i]!;
    const removed = Math.min(wanted, mostRemovable(tokens, model.protectedTokens));
    if (removed === 0) return;
    stages.push({
      layer,
      tokensIn: tokens,
      tokensOut: tokens - removed,
      removed,
      protectedTokens: model.protectedTokens,
      threshold: stageThreshold(threshold, tokens - model.protectedTokens),
    });
    tokens -= removed;
  });
  return { stages, proportionalAttention };
}

function stageThreshold(threshold: Threshold, unprotected: number): number | Policy {
  if (typeof threshold !== "object") return threshold;
  // What is too small for a float is no threshold at all.
  return threshold.scaleFree / unprotected ** 2 || "prune";
}

/** The paper's off-the-shelf setting for DeiT-Ti, DeiT-S and DeiT-B at 224 px (section 4.1). */
export const publishedReduction: ReductionConfig = { layers: [3, 6, 9], tokensRemoved: 50, threshold: 7e-5 };

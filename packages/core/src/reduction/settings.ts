/** The user's settings: where tokens are reduced, by how many, and by which policy. */
import { PptError } from "../errors.js";
import { requireReadable } from "../options.js";
import { show } from "../show.js";
import { isPolicyName, type PolicyName, policies, policyNames } from "./policies.js";

/**
 * The variance of the scores at or above which an image is pruned instead of pooled (paper, section 3.3):
 * an absolute number, as published (7e-5 for DeiT); `scaleFree`, compared with N^2 * variance for N unprotected tokens,
 * so that one number serves every stage and resolution; or one policy for all images.
 */
export type Threshold = number | { readonly scaleFree: number } | "prune" | "pool";

/** Tokens to remove: a count, or a share of the unprotected tokens that enter the stage, rounded down. */
export type TokensRemoved = number | { readonly share: number };

/** The checkpoint that settings were made for. */
export interface ModelIdentity {
  /** What it was called then. */
  readonly name: string;
  /** See `modelFingerprint`. */
  readonly fingerprint: string;
}

export interface ReductionConfig {
  /** Blocks that reduce, counted from 0, ascending. */
  readonly layers: readonly number[];
  /**
   * Tokens to remove in each of them: one number or share, or one per layer. Clamped to what the policy can remove.
   */
  readonly tokensRemoved: TokensRemoved | readonly TokensRemoved[];
  /** How: `ppt` when left out; `tome`, `top-k` and `evit` are there to compare with. */
  readonly policy?: PolicyName;
  /** PPT decides by it, and needs it. The other policies have none. */
  readonly threshold?: Threshold;
  /**
   * Add log(size) to the attention logits of merged tokens (section 3.4). Default true for `ppt` and `tome`; MAE models do
   * better without. Default false for `top-k`, where it changes nothing, and for `evit`, which knows no sizes.
   */
  readonly proportionalAttention?: boolean;
  /** The checkpoint that these settings were calibrated for. Loading another one with them is refused. */
  readonly model?: ModelIdentity;
}

const invalid = (message: string): never => {
  throw new PptError("INVALID_REDUCTION", `reduction: ${message}`);
};

// What `calibration` says is for people.
const keys = new Set([
  "layers",
  "tokensRemoved",
  "policy",
  "threshold",
  "proportionalAttention",
  "model",
  "calibration",
]);

/** Reads settings of unknown origin, such as a `reduction.json`. @throws PptError INVALID_REDUCTION */
export function parseReduction(value: unknown): ReductionConfig {
  requireReadable("reduction", value, "INVALID_REDUCTION");
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return invalid(`expected an object with layers, tokensRemoved and threshold, got ${show(value)}`);
  const fields = value as Record<string, unknown>;
  for (const key of Object.keys(fields))
    if (!keys.has(key)) invalid(`unknown field '${key}'; known are ${[...keys].join(", ")}`);
  const { policy, proportionalAttention, model } = fields;
  const layers = parseLayers(fields.layers);
  if (policy !== undefined && !isPolicyName(policy))
    return invalid(`policy must be one of ${policyNames.join(", ")}, got ${show(policy)}`);
  if (proportionalAttention !== undefined && typeof proportionalAttention !== "boolean")
    return invalid(`proportionalAttention must be true or false, got ${show(proportionalAttention)}`);
  const threshold = parseThreshold(fields.threshold, policy ?? "ppt");
  return {
    layers,
    tokensRemoved: parseTokensRemoved(fields.tokensRemoved, layers.length),
    ...(policy !== undefined && { policy }),
    ...(threshold !== undefined && { threshold }),
    ...(proportionalAttention !== undefined && { proportionalAttention }),
    ...(model !== undefined && { model: parseIdentity(model) }),
  };
}

function parseLayers(layers: unknown): number[] {
  // Array.from: `every` passes over the holes of a sparse list.
  if (!Array.isArray(layers) || !Array.from(layers).every(isCount))
    return invalid(`layers must be an array of block numbers, got ${show(layers)}`);
  layers.forEach((layer, i) => {
    if (i > 0 && layer <= layers[i - 1]!) invalid(`layers must ascend without repetition, got ${show(layers)}`);
  });
  return [...layers];
}

const isCount = (n: unknown): n is number => Number.isInteger(n) && (n as number) >= 0;

/** The number under `key` where that is the only field. */
function onlyNumber(value: unknown, key: string): number | undefined {
  if (typeof value !== "object" || value === null || Object.keys(value).join() !== key) return undefined;
  const number = (value as Record<string, unknown>)[key];
  return typeof number === "number" ? number : undefined;
}

function parseTokensRemoved(value: unknown, layers: number): TokensRemoved | TokensRemoved[] {
  const one = (removed: unknown): TokensRemoved | undefined => {
    if (isCount(removed)) return removed;
    const share = onlyNumber(removed, "share");
    return share !== undefined && share >= 0 && share <= 1 ? { share } : undefined;
  };
  const expected = "counts of at least 0 or { share: number from 0 to 1 }";
  if (!Array.isArray(value))
    return (
      one(value) ?? invalid(`tokensRemoved must be a count of at least 0 or a { share: 0.25 }, got ${show(value)}`)
    );
  const removed = Array.from(
    value,
    (entry: unknown) => one(entry) ?? invalid(`tokensRemoved must hold ${expected}, got ${show(value)}`),
  );
  if (removed.length !== layers) invalid(`tokensRemoved has ${removed.length} entries for ${layers} layers`);
  return removed;
}

/** 0 and Infinity decide without looking: they become the policies they mean, which JSON can hold too. */
function parseThreshold(value: unknown, policy: PolicyName): Threshold | undefined {
  if (policies[policy].does !== "byThreshold") {
    if (value !== undefined) invalid(`policy '${policy}' has no threshold: leave it out, got ${show(value)}`);
    return undefined;
  }
  if (value === "prune" || value === "pool") return value;
  const scaleFree = onlyNumber(value, "scaleFree");
  const number = scaleFree ?? value;
  if (typeof number !== "number" || !(number >= 0))
    return invalid(
      `threshold must be a number of at least 0, { scaleFree: number }, 'prune' or 'pool', got ${show(value)}`,
    );
  if (number === 0) return "prune";
  if (number === Number.POSITIVE_INFINITY) return "pool";
  return scaleFree === undefined ? number : { scaleFree: number };
}

function parseIdentity(value: unknown): ModelIdentity {
  const { name, fingerprint } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  if (typeof name !== "string" || typeof fingerprint !== "string")
    return invalid(`model must be { name, fingerprint }, got ${show(value)}`);
  return { name, fingerprint };
}

/**
 * `given` over `base`. Another policy than that of `base` brings its own threshold and proportional attention.
 * @throws PptError INVALID_REDUCTION
 */
export function mergeReduction(base: ReductionConfig, given: Partial<ReductionConfig>): ReductionConfig {
  for (const settings of [base, given]) {
    requireReadable("reduction", settings, "INVALID_REDUCTION");
    if (typeof settings !== "object" || settings === null || Array.isArray(settings))
      return invalid(`expected an object with any of ${[...keys].join(", ")}, got ${show(settings)}`);
  }
  const { threshold, proportionalAttention, ...schedule } = base;
  const samePolicy = given.policy === undefined || given.policy === (base.policy ?? "ppt");
  return parseReduction({ ...(samePolicy ? base : schedule), ...given });
}

/** The same settings with nothing left out that other settings could fill in. @throws PptError INVALID_REDUCTION */
export function completeReduction(reduction: ReductionConfig): ReductionConfig {
  const { policy = "ppt", ...rest } = parseReduction(reduction);
  return { policy, proportionalAttention: policies[policy].proportionalAttention, ...rest };
}

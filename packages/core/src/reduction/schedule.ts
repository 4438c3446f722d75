/** Resolves reduction settings for one model: which block removes how many tokens, and how. */
import { counted } from "../counted.js";
import { PptError } from "../errors.js";
import { check, object } from "../options.js";
import type { ObservedKeys, ObservedQuery } from "../seam.js";
import { answerOf, optionalAmount } from "./answers.js";
import type { Action, ReductionPolicy, ReductionStage } from "./policy.js";
import { attendsBySize, layerPolicies, parseReduction, type ReductionConfig, type TokensRemoved } from "./settings.js";

/** The numbers of a model that a reduction depends on. */
export interface ModelGeometry {
  /** Number of blocks. */
  readonly layers: number;
  /** Number of tokens that enter the first block, protected ones included. */
  readonly tokens: number;
  /** See `ReductionStage.protectedTokens`. */
  readonly protectedTokens: number;
  /** Whether the first token is a class token. Default true. */
  readonly classToken?: boolean;
}

/** One stage of a resolved reduction. */
export interface ResolvedStage extends ReductionStage {
  readonly policy: ReductionPolicy;
  /** What happens to every image. `byImage`: the policy decides for each image. */
  readonly action: Action | "byImage";
  /** Whose attention scores the tokens. */
  readonly score: ObservedQuery;
  /** Which keys matching compares where positions are rotary. */
  readonly metric: ObservedKeys;
  /** See `ReductionPolicy.decidesAt`. */
  readonly decidesAt: number | undefined;
}

declare const resolved: unique symbol;

/**
 * A reduction for one model: checked, with defaults filled in and counts worked out. Only `planReduction` makes one. All code
 * that computes with a reduction takes this type.
 */
export interface ResolvedReduction {
  readonly [resolved]: true;
  /** The checked settings that it was made from. Undefined for the unreduced model. */
  readonly settings: ReductionConfig | undefined;
  /** The geometry of the model that it was made for. */
  readonly geometry: ModelGeometry;
  /** The stages in order. Blocks that would remove no token are left out. */
  readonly stages: readonly ResolvedStage[];
  /** Whether attention logits get log(size) of their key token (paper, section 3.4). */
  readonly proportionalAttention: boolean;
}

const made = new WeakSet<object>();

const isResolved = (reduction: ReductionConfig | ResolvedReduction | undefined): reduction is ResolvedReduction =>
  typeof reduction === "object" && reduction !== null && made.has(reduction);

/**
 * Resolves reduction settings for a model. A resolved reduction is returned unchanged, or resolved again from its settings
 * if it was made for another geometry.
 * @throws PptError INVALID_REDUCTION if the settings are wrong, do not fit the model, or their policy misbehaves
 */
export function planReduction(
  reduction: ReductionConfig | ResolvedReduction | undefined,
  geometry: ModelGeometry,
): ResolvedReduction {
  if (isResolved(reduction)) {
    if (sameGeometry(reduction.geometry, geometry)) return reduction;
    return planReduction(reduction.settings, geometry);
  }
  const settings = reduction === undefined ? undefined : parseReduction(reduction);
  const plan = {
    settings,
    geometry: Object.freeze({ ...geometry }),
    stages: Object.freeze(settings ? stagesOf(settings, geometry).map((stage) => Object.freeze(stage)) : []),
    proportionalAttention: settings !== undefined && attendsBySize(settings),
  } as unknown as ResolvedReduction;
  made.add(Object.freeze(plan));
  return plan;
}

const sameGeometry = (a: ModelGeometry, b: ModelGeometry): boolean =>
  (["layers", "tokens", "protectedTokens"] as const).every((name) => a[name] === b[name]) &&
  (a.classToken ?? true) === (b.classToken ?? true);

/** Whose attention scores the tokens in the `i`-th layer of the settings. @throws PptError INVALID_REDUCTION */
function scoreOf({ score }: ReductionConfig, i: number, classToken: boolean): ObservedQuery {
  const asked = typeof score === "string" ? score : (score?.[i] ?? (classToken ? "class" : "mean"));
  if (asked === "class" && !classToken)
    throw new PptError(
      "INVALID_REDUCTION",
      "reduction: score 'class' needs a class token, and this model has none: use 'mean', or leave it out",
    );
  return asked;
}

function stagesOf(
  settings: ReductionConfig,
  { layers: depth, protectedTokens, classToken = true, ...model }: ModelGeometry,
) {
  const { layers, tokensRemoved } = settings;
  const perLayer = layerPolicies(settings);
  const stages: ResolvedStage[] = [];
  let tokens = model.tokens;
  layers.forEach((layer, i) => {
    if (layer >= depth)
      throw new PptError(
        "INVALID_REDUCTION",
        `reduction: layer ${layer} does not exist: the model has ${counted(depth, "block")}, ${depth === 1 ? "number 0" : `0 to ${depth - 1}`}. Choose other layers, or run the model without a reduction`,
      );
    const policy = perLayer[i]!.policy;
    const own = { ...perLayer[i]!.own };
    const unprotected = Math.max(0, tokens - protectedTokens);
    const wanted = countOf(isPerLayer(tokensRemoved) ? tokensRemoved[i]! : tokensRemoved, unprotected);
    const removed = Math.min(wanted, mostRemovable(policy, tokens, protectedTokens));
    if (removed === 0) return;
    const stageSettings = policy.stageSettings
      ? answerOf(
          policy,
          "stageSettings",
          () => policy.stageSettings!(own, { layer, tokensIn: tokens, protectedTokens }),
          object,
        )
      : own;
    stages.push({
      layer,
      depth,
      policy,
      tokensIn: tokens,
      tokensOut: tokens - removed,
      removed,
      protectedTokens,
      score: scoreOf(settings, i, classToken),
      metric: settings.metric ?? "rotated",
      settings: stageSettings,
      action: answerOf(policy, "action", () => policy.action(stageSettings), actionCheck),
      decidesAt: answerOf(policy, "decidesAt", () => policy.decidesAt?.(stageSettings), optionalAmount),
    });
    tokens -= removed;
  });
  return stages;
}

const isPerLayer = (removed: ReductionConfig["tokensRemoved"]): removed is readonly TokensRemoved[] =>
  Array.isArray(removed);

/** Number of tokens to remove. Adding 1e-9 makes 0.29 of 100 give 29, although 0.29 * 100 is just below 29 in floating point. */
const countOf = (removed: TokensRemoved, unprotected: number): number =>
  typeof removed === "number" ? removed : Math.floor(removed.share * unprotected + 1e-9);

/** The policy's `mostRemovable`, checked: one unprotected token must stay. @throws PptError INVALID_REDUCTION */
function mostRemovable(policy: ReductionPolicy, tokens: number, protectedTokens: number): number {
  const limit = Math.max(0, tokens - protectedTokens - 1);
  return answerOf(
    policy,
    `mostRemovable(${tokens}, ${protectedTokens})`,
    () => policy.mostRemovable(tokens, protectedTokens),
    check(
      `a whole number from 0 to ${limit}`,
      (most) => Number.isInteger(most) && (most as number) >= 0 && (most as number) <= limit,
    ),
  );
}

const actions: readonly ResolvedStage["action"][] = ["prune", "pool", "fuse", "byImage"];
const actionCheck = check(`one of ${actions.join(", ")}`, (action) =>
  actions.includes(action as ResolvedStage["action"]),
);

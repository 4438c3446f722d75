/** Reduction settings as users write them: where tokens are reduced, how many, and by which policy. */
import { counted } from "../counted.js";
import { isPptError, PptError, reasonOf } from "../errors.js";
import { isPlain, requireReadable } from "../options.js";
import type { ObservedKeys, ObservedQuery } from "../seam.js";
import { show } from "../show.js";
import {
  type Fields,
  invalid,
  knownFields,
  type LayerPolicy,
  ownNamesOf,
  parseOwnSettings,
  parsePolicies,
} from "./own-settings.js";
import type { PolicySetting, ReductionPolicy } from "./policy.js";
import { defaultPolicy, type PolicyName, type policies, policyNamed } from "./registry.js";

/** How many tokens to remove: a count, or a share of the unprotected tokens that enter the stage, rounded down. */
export type TokensRemoved = number | { readonly share: number };

/** The checkpoint that settings were calibrated for. */
export interface ModelIdentity {
  /** The checkpoint's name at that time. */
  readonly name: string;
  /** See `modelFingerprint`. */
  readonly fingerprint: string;
}

type SettingsOf<Policy> = Policy extends { readonly settings: infer Settings } ? Settings : never;
type Together<Union> = (Union extends unknown ? (each: Union) => void : never) extends (all: infer All) => void
  ? All
  : never;
/** The own settings of all policies of the registry, by name. */
type OwnSettings = Together<SettingsOf<(typeof policies)[number]>>;

/** The settings that all policies share. */
export interface ReductionSchedule {
  /** The blocks that reduce tokens, numbered from 0, ascending. */
  readonly layers: readonly number[];
  /** How many tokens each of them removes: one value for all, or one per layer. The policy's `mostRemovable` limits it. */
  readonly tokensRemoved: TokensRemoved | readonly TokensRemoved[];
  /**
   * Whose attention scores the tokens: `class`, the class token's as in the paper, or `mean`, that of the mean of all tokens
   * (docs/decisions/0027-no-class-token.md). One value for all layers, or one per layer. Default: `class` where the model has a class
   * token, else `mean`.
   */
  readonly score?: ObservedQuery | readonly ObservedQuery[];
  /**
   * Which keys matching compares in a model with rotary positions: `rotated`, as attention used them, or `plain`, without their
   * positions (docs/decisions/0030-rotary-positions.md). Other models have one kind of keys. Default `rotated`.
   */
  readonly metric?: ObservedKeys;
  /**
   * Whether to add log(size) of each key token to its attention logits (paper, section 3.4). Default: the policy's, which is
   * true for PPT and ToMe. MAE models are more accurate without it.
   */
  readonly proportionalAttention?: boolean;
  /** The checkpoint that these settings were calibrated for. Other checkpoints refuse them. */
  readonly model?: ModelIdentity;
}

/** Reduction settings. A policy's own settings, such as PPT's `threshold`, stand beside the shared ones. */
export type ReductionConfig = ReductionSchedule & {
  readonly [Name in keyof OwnSettings]?: OwnSettings[Name] extends PolicySetting<infer Value>
    ? Value | readonly (Value | null)[]
    : never;
} & {
  /**
   * How tokens are reduced: a name of `policyNames`, or a policy object of your own. One for all layers, or one per layer. Default:
   * `ppt`. An own setting is one value or one per layer, too, and null for a layer whose policy does not have it.
   */
  readonly policy?: PolicyName | ReductionPolicy | readonly (PolicyName | ReductionPolicy)[];
  /** The version of a `reduction.json`, 1 or 2. Version 2 may have a policy per layer. */
  readonly version?: number;
};

/** Reduction settings as a file holds them. A policy is a name, which may be unknown to this program. */
export type WrittenReduction = Omit<ReductionConfig, "policy"> & { readonly policy?: string | readonly string[] };

/** Settings that `parseReduction` has made, with what each layer does. They are frozen, so they need not be parsed again. */
const parsed = new WeakMap<object, readonly LayerPolicy[]>();

function remember<Settings extends ReductionSchedule>(settings: Settings, layers: readonly LayerPolicy[]): Settings {
  for (const [name, value] of Object.entries(settings))
    if (name !== "policy") freeze(value);
    else if (Array.isArray(value)) Object.freeze(value);
  parsed.set(Object.freeze(settings), layers);
  return settings;
}

/** Freezes arrays and plain objects, and everything in them. */
function freeze(value: unknown): void {
  if (!isPlain(value) || Object.isFrozen(value)) return;
  for (const entry of Object.values(Object.freeze(value))) freeze(entry);
}

/**
 * Checks reduction settings of unknown origin, such as a `reduction.json`. The result is frozen. Settings that this function
 * returned before are returned unchanged.
 * @throws PptError INVALID_REDUCTION
 */
export function parseReduction(value: unknown): ReductionConfig {
  if (typeof value === "object" && value !== null && parsed.has(value)) return value as ReductionConfig;
  try {
    return parseFields(value);
  } catch (cause) {
    if (isPptError(cause)) throw cause;
    // A getter or a proxy refuses.
    throw new PptError("INVALID_REDUCTION", `reduction: cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

function parseFields(value: unknown): ReductionConfig {
  const fields = fieldsIn(value);
  refuseUnknown(fields);
  requireVersion(fields);
  const { score, metric, proportionalAttention, model, ...schedule } = parseSchedule(fields);
  const { own, perLayer } = parseOwnSettings(fields, schedule.layers.length);
  const written = (policy: ReductionPolicy) => (policyNamed(policy.name)?.name as PolicyName) ?? policy;
  const policies = parsePolicies(fields.policy).map(written);
  return remember(
    {
      ...schedule,
      ...(fields.policy !== undefined && { policy: Array.isArray(fields.policy) ? policies : policies[0] }),
      ...own,
      ...(score !== undefined && { score }),
      ...(metric !== undefined && { metric }),
      ...(proportionalAttention !== undefined && { proportionalAttention }),
      ...(model !== undefined && { model }),
    } as ReductionConfig,
    perLayer,
  );
}

/** The version of `reduction.json` that `calibrate` writes. A file without one has version 1: one policy for all layers. */
export const reductionVersion = 2;

function requireVersion({ version, policy }: Fields): void {
  if (version === 1 && Array.isArray(policy)) invalid("a policy per layer needs version 2, got version 1");
  if (version === undefined || version === 1 || version === reductionVersion) return;
  invalid(`version must be 1 or ${reductionVersion}, got ${show(version)}: a newer ppt-vit reads newer files`);
}

/**
 * Checks reduction settings that another program wrote, for example into an exported model. If this program does not know
 * their policy, the result keeps the policy's name and drops the policy's own settings.
 * @throws PptError INVALID_REDUCTION
 */
export function parseWrittenReduction(value: unknown): WrittenReduction {
  const fields = fieldsIn(value);
  const names: unknown[] = Array.isArray(fields.policy) ? Array.from(fields.policy) : [fields.policy];
  const known = names.every((name) => typeof name !== "string" || policyNamed(name));
  if (known) return writtenReduction(parseReduction(value));
  const schedule = parseSchedule(fields);
  if (!Array.isArray(fields.policy)) return { ...schedule, policy: names[0] as string };
  if (!names.every((name) => typeof name === "string") || names.length !== schedule.layers.length)
    return invalid(`policy must be a name, or one per layer, got ${show(fields.policy)}`);
  return { ...schedule, policy: names as string[] };
}

/** The settings as a file can hold them: a policy object is replaced by its name. */
export function writtenReduction(reduction: ReductionConfig): WrittenReduction {
  const { policy, ...settings } = reduction;
  if (policy === undefined) return { ...settings };
  const names = parsePolicies(policy).map(({ name }) => name);
  return { ...reduction, policy: Array.isArray(policy) ? names : names[0]! };
}

function fieldsIn(value: unknown): Record<string, unknown> {
  requireReadable("reduction", value, "INVALID_REDUCTION");
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return invalid(`expected an object with layers, tokensRemoved and threshold, got ${show(value)}`);
  return value as Record<string, unknown>;
}

function refuseUnknown(fields: Record<string, unknown>): void {
  const known = knownFields(fields.policy);
  for (const name of Object.keys(fields))
    if (!known.includes(name)) invalid(`unknown field '${name}'; known are ${known.join(", ")}`);
}

function parseSchedule(fields: Fields) {
  const { layers, tokensRemoved, score, metric, proportionalAttention, model } = fields;
  const blocks = parseLayers(layers);
  if (proportionalAttention !== undefined && typeof proportionalAttention !== "boolean")
    return invalid(`proportionalAttention must be true or false, got ${show(proportionalAttention)}`);
  return {
    layers: blocks,
    tokensRemoved: parseTokensRemoved(tokensRemoved, blocks.length),
    ...(score !== undefined && { score: parseScore(score, blocks.length) }),
    ...(metric !== undefined && { metric: parseMetric(metric) }),
    ...(proportionalAttention !== undefined && { proportionalAttention }),
    ...(model !== undefined && { model: parseIdentity(model) }),
  };
}

function parseLayers(layers: unknown): number[] {
  // Array.from fills the holes of a sparse array, which `every` would skip.
  if (!Array.isArray(layers) || !Array.from(layers).every(isCount))
    return invalid(`layers must be an array of block numbers, got ${show(layers)}`);
  layers.forEach((layer, i) => {
    if (i > 0 && layer <= layers[i - 1]!) invalid(`layers must ascend without repetition, got ${show(layers)}`);
  });
  return [...layers];
}

const isCount = (n: unknown): n is number => Number.isInteger(n) && (n as number) >= 0;

function parseTokensRemoved(value: unknown, layers: number): TokensRemoved | TokensRemoved[] {
  const one = (removed: unknown): TokensRemoved | undefined => {
    if (isCount(removed)) return removed;
    if (typeof removed !== "object" || removed === null || Object.keys(removed).join() !== "share") return undefined;
    const { share } = removed as { share: unknown };
    return typeof share === "number" && share >= 0 && share <= 1 ? { share } : undefined;
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
  if (removed.length !== layers)
    invalid(`tokensRemoved has ${counted(removed.length, "entry", "entries")} for ${counted(layers, "layer")}`);
  return removed;
}

const isScore = (value: unknown): value is ObservedQuery => value === "class" || value === "mean";

function parseScore(value: unknown, layers: number): ObservedQuery | ObservedQuery[] {
  if (isScore(value)) return value;
  if (!Array.isArray(value) || !Array.from(value).every(isScore))
    return invalid(`score must be 'class' or 'mean', or one of them per layer, got ${show(value)}`);
  if (value.length !== layers)
    invalid(`score has ${counted(value.length, "entry", "entries")} for ${counted(layers, "layer")}`);
  return [...value];
}

const parseMetric = (value: unknown): ObservedKeys =>
  value === "rotated" || value === "plain" ? value : invalid(`metric must be 'rotated' or 'plain', got ${show(value)}`);

function parseIdentity(value: unknown): ModelIdentity {
  const { name, fingerprint } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  if (typeof name !== "string" || typeof fingerprint !== "string")
    return invalid(`model must be { name, fingerprint }, got ${show(value)}`);
  return { name, fingerprint };
}

/**
 * Settings of `base`, with the fields of `given` put over them. If `given` has another policy, the own settings and
 * `proportionalAttention` of `base` are dropped.
 * @throws PptError INVALID_REDUCTION
 */
export function mergeReduction(base: ReductionConfig, given: Partial<ReductionConfig>): ReductionConfig {
  for (const settings of [base, given]) {
    requireReadable("reduction", settings, "INVALID_REDUCTION");
    if (typeof settings !== "object" || settings === null || Array.isArray(settings))
      return invalid(`expected an object with any of ${knownFields(undefined).join(", ")}, got ${show(settings)}`);
  }
  const before = parsePolicies(base.policy);
  if (given.policy === undefined || samePolicies(parsePolicies(given.policy), before))
    return parseReduction({ ...base, ...given });
  const dropped = [...ownNamesOf(before), "proportionalAttention"];
  const schedule = Object.entries(base).filter(([name]) => !dropped.includes(name));
  return parseReduction({ ...Object.fromEntries(schedule), ...given });
}

const samePolicies = (some: readonly ReductionPolicy[], others: readonly ReductionPolicy[]): boolean =>
  some.length === others.length && some.every((policy, i) => policy === others[i]);

/**
 * The settings with policy, score and proportional attention written out, so that merging them over others leaves no field to the
 * others. A score that is left out stays the model's own. @throws PptError INVALID_REDUCTION
 */
export function completeReduction(reduction: ReductionConfig): ReductionConfig {
  const settings = parseReduction(reduction);
  // An undefined field replaces another one when settings are merged, and is no field when they are written.
  return remember(
    {
      policy: defaultPolicy.name as PolicyName,
      score: undefined,
      proportionalAttention: attendsBySize(settings),
      ...settings,
    } as ReductionConfig,
    layerPolicies(settings),
  );
}

/** Whether attention logits get log(size) of their key token. By default they do if any of the policies wants it. */
export const attendsBySize = ({ proportionalAttention, policy }: ReductionConfig): boolean =>
  proportionalAttention ?? parsePolicies(policy).some((each) => each.proportionalAttention);

/** What each layer of the settings does, in their order. @throws PptError INVALID_REDUCTION */
export function layerPolicies(settings: ReductionConfig): readonly LayerPolicy[] {
  const known = parseReduction(settings);
  // A policy object may have been changed since.
  parsePolicies(known.policy);
  return parsed.get(known)!;
}

/**
 * The policies of the settings, each once, in the order of the layers. Default: `defaultPolicy`.
 * @throws PptError INVALID_REDUCTION
 */
export const policiesOf = ({ policy }: Pick<ReductionConfig, "policy">): ReductionPolicy[] => [
  ...new Set(parsePolicies(policy)),
];

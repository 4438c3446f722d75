/** Policies and their own settings: one for all layers, or one per layer. */
import { PptError } from "../errors.js";
import { show } from "../show.js";
import { answerOf, settingValue } from "./answers.js";
import { requirePolicy } from "./custom.js";
import type { PolicySetting, ReductionPolicy } from "./policy.js";
import { defaultPolicy, policies, policyNamed, policyNames } from "./registry.js";

export type Fields = Readonly<Record<string, unknown>>;

/** What one layer of the settings does. */
export interface LayerPolicy {
  readonly policy: ReductionPolicy;
  /** The policy's own settings, without the shared ones. */
  readonly own: Fields;
}

/** Names of the fields that all policies share. `calibration` is a note for people, and is not read. */
export const commonFields = {
  first: ["layers", "tokensRemoved", "policy"],
  last: ["score", "metric", "proportionalAttention", "model", "calibration", "version"],
} as const;

/** Names that the own settings of a user's policy cannot have. */
const reserved = [...commonFields.first, ...commonFields.last];

export const invalid = (message: string): never => {
  throw new PptError("INVALID_REDUCTION", `reduction: ${message}`);
};

const settingsOf = ({ settings = {} }: ReductionPolicy) => settings as Readonly<Record<string, PolicySetting<unknown>>>;
const namesIn = (some: readonly ReductionPolicy[]): string[] => [
  ...new Set(some.flatMap((policy) => Object.keys(settingsOf(policy)))),
];

/** Names of the own settings of all policies of the registry. */
const registered = namesIn(policies);

function parsePolicy(value: unknown): ReductionPolicy {
  if (value === undefined) return defaultPolicy;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return requirePolicy(value, reserved);
  const policy = typeof value === "string" ? policyNamed(value) : undefined;
  return (
    policy ?? invalid(`policy must be one of ${policyNames.join(", ")}, or a policy of your own, got ${show(value)}`)
  );
}

/** The policies that the settings name, one or one per layer, in their order. @throws PptError INVALID_REDUCTION */
export const parsePolicies = (value: unknown): ReductionPolicy[] =>
  Array.isArray(value) ? Array.from(value, (each: unknown) => parsePolicy(each ?? null)) : [parsePolicy(value)];

/** Names of all fields that the settings of any policy may have. */
export function knownFields(policy: unknown): string[] {
  const mine = (Array.isArray(policy) ? policy : [policy]).filter((each) => typeof each === "object" && each !== null);
  return [...new Set([...commonFields.first, ...registered, ...namesIn(parsePolicies(mine)), ...commonFields.last])];
}

/** The own settings of some policies. */
export const ownNamesOf = namesIn;

/**
 * The own settings as they are written, checked, and the policy of each layer with its settings. A setting is one value for all
 * layers or one per layer; with one policy per layer it is always the latter, and null where the policy does not have it.
 * @throws PptError INVALID_REDUCTION
 */
export function parseOwnSettings(fields: Fields, layers: number): { own: Fields; perLayer: LayerPolicy[] } {
  const asked = parsePolicies(fields.policy);
  const mixed = Array.isArray(fields.policy);
  if (mixed && asked.length !== layers) invalid(`policy has ${asked.length} entries for ${layers} layers`);
  const each = Array.from({ length: layers }, (_, i) => (mixed ? asked[i]! : asked[0]!));
  const own: Record<string, unknown> = {};
  const perLayer = each.map((policy) => ({ policy, own: {} as Record<string, unknown> }));
  for (const name of new Set([...registered, ...namesIn(asked)])) {
    const given = fields[name];
    const holder = asked.find((policy) => Object.hasOwn(settingsOf(policy), name));
    if (!holder) {
      if (given !== undefined && !isEmpty(given))
        invalid(`${whose(asked)} no ${name}: leave it out, got ${show(given)}`);
      continue;
    }
    const single = parseSetting(holder, name, given);
    const listed = single === undefined && Array.isArray(given);
    if (!mixed && !listed) {
      own[name] = required(holder, name, given, single);
      for (const layer of perLayer) layer.own[name] = own[name];
      continue;
    }
    if (listed && given.length !== layers) invalid(`${name} has ${given.length} entries for ${layers} layers`);
    own[name] = each.map((policy, i) => {
      const value: unknown = listed ? given[i] : given;
      if (Object.hasOwn(settingsOf(policy), name)) {
        const written = value ?? undefined;
        perLayer[i]!.own[name] = required(policy, name, written, parseSetting(policy, name, written));
        return perLayer[i]!.own[name];
      }
      if (listed && value !== null && value !== undefined)
        invalid(`policy '${policy.name}' has no ${name}: write null for it, got ${show(value)}`);
      return null;
    });
  }
  return { own, perLayer };
}

/** A list of no values, as of a setting that no layer has. */
const isEmpty = (given: unknown): boolean => Array.isArray(given) && given.every((value) => value == null);

const whose = (asked: readonly ReductionPolicy[]): string =>
  asked.length === 1 ? `policy '${asked[0]!.name}' has` : "these policies have";

const parseSetting = (policy: ReductionPolicy, name: string, given: unknown): unknown => {
  const setting = settingsOf(policy)[name]!;
  return answerOf(policy, `settings.${name}.parse(${show(given)})`, () => setting.parse(given), settingValue);
};

const required = (policy: ReductionPolicy, name: string, given: unknown, parsed: unknown): unknown =>
  parsed === undefined ? invalid(`${name} must be ${settingsOf(policy)[name]!.expected}, got ${show(given)}`) : parsed;

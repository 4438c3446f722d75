/** Reduction settings in one line of text, for people. */
import { counted } from "../counted.js";
import { checkArgument, shaped } from "../options.js";
import type { PolicySetting, ReductionPolicy } from "./policy.js";
import { defaultPolicy, policyNamed } from "./registry.js";
import type { ReductionConfig, TokensRemoved, WrittenReduction } from "./settings.js";

const isPolicy = (value: unknown): boolean =>
  typeof value === "string" ||
  (typeof value === "object" && value !== null && typeof (value as { name?: unknown }).name === "string");

/** Checks only the fields that are read here, so that wrong settings can be described too. */
const settingsCheck = shaped("reduction settings, as parseReduction() gives them", {
  layers: Array.isArray,
  tokensRemoved: (value) => typeof value === "number" || (typeof value === "object" && value !== null),
  score: (value) => value === undefined || value === "class" || value === "mean" || Array.isArray(value),
  policy: (value) =>
    Array.isArray(value) ? value.length > 0 && value.every(isPolicy) : value === undefined || isPolicy(value),
});

/**
 * Settings as text: `blocks 3, 6, 9, 50 tokens each, threshold 0.00007`, or `NAME in blocks 3, 6, 9, 25 % of the tokens each`. With
 * a policy or a setting per layer it names each block: `block 2: 70 tokens by tome; block 4: 50 tokens by diffrate, pruneShare 20 %`.
 * Of an unknown policy it gives only the name, without its own settings.
 * @throws PptError INVALID_REDUCTION
 */
export function describeReduction(reduction: ReductionConfig | WrittenReduction): string {
  checkArgument("describeReduction", "reduction", reduction, settingsCheck, "INVALID_REDUCTION");
  const { layers, tokensRemoved, policy: given } = reduction;
  const policy = knownOf(Array.isArray(given) ? given[0] : given);
  const mixed = Array.isArray(given) || Object.keys(policy.settings ?? {}).some((name) => isListed(reduction, name));
  const bySize = layers.some((_, i) => knownOf(entryOf(given, i)).proportionalAttention);
  // Mentioned only if it differs from the policy's default.
  const attention = reduction.proportionalAttention === false && bySize ? ["without proportional attention"] : [];
  if (mixed) {
    const blocks = layers.map((layer, i) =>
      [
        `block ${layer}: ${describeRemoved(entryOf(tokensRemoved, i) as TokensRemoved)} by ${knownOf(entryOf(given, i)).name}`,
        ...describeOwn(knownOf(entryOf(given, i)), settingsAt(reduction, i)),
        ...describeScore({ score: entryOf(reduction.score, i) as ReductionConfig["score"] }),
      ].join(", "),
    );
    return [...blocks, ...attention].join("; ");
  }
  return [
    `${policy === defaultPolicy ? "" : `${policy.name} in `}blocks ${layers.join(", ")}`,
    Array.isArray(tokensRemoved)
      ? tokensRemoved.map(describeRemoved).join(", ")
      : `${describeRemoved(tokensRemoved as TokensRemoved)} each`,
    ...describeOwn(policy, reduction),
    ...describeScore(reduction),
    ...(reduction.metric === "plain" ? ["keys without positions"] : []),
    ...attention,
  ].join(", ");
}

const knownOf = (given: unknown = defaultPolicy): Partial<ReductionPolicy> =>
  typeof given === "string" ? (policyNamed(given) ?? { name: given }) : (given as Partial<ReductionPolicy>);

/** The value of the `i`-th layer, of one for all or one per layer. */
const entryOf = (values: unknown, i: number): unknown => (Array.isArray(values) ? values[i] : values);

const isListed = (reduction: object, name: string): boolean =>
  Array.isArray((reduction as Readonly<Record<string, unknown>>)[name]);

const settingsAt = (reduction: object, i: number): object =>
  Object.fromEntries(Object.entries(reduction).map(([name, values]) => [name, entryOf(values, i)]));

/** Mentioned only if it is set. */
function describeScore({ score }: { readonly score?: ReductionConfig["score"] | undefined }): string[] {
  if (score === undefined) return [];
  return [typeof score === "string" ? `score of the ${queries[score]}` : `scores of ${score.join(", ")}`];
}

const queries = { class: "class token", mean: "mean query" } as const;

function describeOwn({ settings = {} }: Partial<ReductionPolicy>, reduction: object): string[] {
  const values = reduction as Readonly<Record<string, unknown>>;
  // A policy that went through JSON or to a worker has lost its functions.
  return Object.entries(settings as Readonly<Record<string, Partial<PolicySetting<unknown>>>>).flatMap(
    ([name, setting]) =>
      values[name] == null || !setting.describe ? [] : [`${name} ${setting.describe(values[name])}`],
  );
}

const describeRemoved = (removed: TokensRemoved): string =>
  typeof removed === "number"
    ? counted(removed, "token")
    : `${Number((100 * removed.share).toFixed(2))} % of the tokens`;

/** Reduction settings in one line of text, for people. */
import { checkArgument, shaped } from "../options.js";
import type { PolicySetting, ReductionPolicy } from "./policy.js";
import { defaultPolicy, policyNamed } from "./registry.js";
import type { ReductionConfig, TokensRemoved, WrittenReduction } from "./settings.js";

/** Checks only the fields that are read here, so that wrong settings can be described too. */
const settingsCheck = shaped("reduction settings, as parseReduction() gives them", {
  layers: Array.isArray,
  tokensRemoved: (value) => typeof value === "number" || (typeof value === "object" && value !== null),
  score: (value) => value === undefined || value === "class" || value === "mean" || Array.isArray(value),
  policy: (value) =>
    value === undefined ||
    typeof value === "string" ||
    (typeof value === "object" && value !== null && typeof (value as { name?: unknown }).name === "string"),
});

/**
 * Settings as text: `blocks 3, 6, 9, 50 tokens each, threshold 0.00007`, or `NAME in blocks 3, 6, 9, 25 % of the tokens each`.
 * Of an unknown policy it gives only the name, without its own settings.
 * @throws PptError INVALID_REDUCTION
 */
export function describeReduction(reduction: ReductionConfig | WrittenReduction): string {
  checkArgument("describeReduction", "reduction", reduction, settingsCheck, "INVALID_REDUCTION");
  const { layers, tokensRemoved, policy: given = defaultPolicy } = reduction;
  const policy: Partial<ReductionPolicy> = typeof given === "string" ? (policyNamed(given) ?? { name: given }) : given;
  return [
    `${policy === defaultPolicy ? "" : `${policy.name} in `}blocks ${layers.join(", ")}`,
    Array.isArray(tokensRemoved)
      ? tokensRemoved.map(describeRemoved).join(", ")
      : `${describeRemoved(tokensRemoved as TokensRemoved)} each`,
    ...describeOwn(policy, reduction),
    ...describeScore(reduction),
    // Mentioned only if it differs from the policy's default.
    ...(reduction.proportionalAttention === false && policy.proportionalAttention
      ? ["without proportional attention"]
      : []),
  ].join(", ");
}

/** Mentioned only if it is set. */
function describeScore({ score }: Pick<ReductionConfig, "score">): string[] {
  if (score === undefined) return [];
  return [typeof score === "string" ? `score of the ${queries[score]}` : `scores of ${score.join(", ")}`];
}

const queries = { class: "class token", mean: "mean query" } as const;

function describeOwn({ settings = {} }: Partial<ReductionPolicy>, reduction: object): string[] {
  const values = reduction as Readonly<Record<string, unknown>>;
  // A policy that went through JSON or to a worker has lost its functions.
  return Object.entries(settings as Readonly<Record<string, Partial<PolicySetting<unknown>>>>).flatMap(
    ([name, setting]) =>
      values[name] === undefined || !setting.describe ? [] : [`${name} ${setting.describe(values[name])}`],
  );
}

const describeRemoved = (removed: TokensRemoved): string =>
  typeof removed === "number" ? `${removed} tokens` : `${Number((100 * removed.share).toFixed(2))} % of the tokens`;

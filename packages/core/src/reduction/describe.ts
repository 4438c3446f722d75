/** Reduction settings in one line, for people. */
import { checkArgument, shaped } from "../options.js";
import { isPolicyName, type PolicyName, policies } from "./policies.js";
import type { ReductionConfig, Threshold, TokensRemoved } from "./settings.js";

/** As far as it is looked at here: a trial of other settings has to be named too. */
const settingsCheck = shaped("reduction settings, as parseReduction() gives them", {
  layers: Array.isArray,
  tokensRemoved: (value) => typeof value === "number" || (typeof value === "object" && value !== null),
  policy: (value) => value === undefined || isPolicyName(value),
});

/** `blocks 3, 6, 9, 50 tokens each, threshold 0.00007`; `evit in blocks 3, 6, 9, 25 % of the tokens each`. @throws PptError INVALID_REDUCTION */
export function describeReduction(reduction: ReductionConfig): string {
  checkArgument("describeReduction", "reduction", reduction, settingsCheck, "INVALID_REDUCTION");
  const { layers, tokensRemoved, policy = "ppt", threshold } = reduction;
  const sizes = reduction.proportionalAttention ?? policies[policy].proportionalAttention;
  return [
    `${policy === "ppt" ? "" : `${policy} in `}blocks ${layers.join(", ")}`,
    Array.isArray(tokensRemoved)
      ? tokensRemoved.map(describeRemoved).join(", ")
      : `${describeRemoved(tokensRemoved as TokensRemoved)} each`,
    ...(threshold === undefined ? [] : [`threshold ${describeThreshold(threshold)}`]),
    ...(sizes || !averages(policy) ? [] : ["without proportional attention"]),
  ].join(", ");
}

/** Whether proportional attention is what one expects. */
const averages = (policy: PolicyName) => policies[policy].proportionalAttention;

const describeRemoved = (removed: TokensRemoved): string =>
  typeof removed === "number" ? `${removed} tokens` : `${Number((100 * removed.share).toFixed(2))} % of the tokens`;

const describeThreshold = (threshold: Threshold): string =>
  typeof threshold === "object" ? `scale-free ${Number(threshold.scaleFree.toPrecision(3))}` : String(threshold);

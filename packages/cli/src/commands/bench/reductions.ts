/** The names that `--policies` takes: how each reduces a model, what it is called, and its colour in plots. */
import { type PolicyName, policyNames, publishedReduction, type ReductionConfig } from "@ppt-vit/core";

/** `unreduced` is the baseline of every speedup; `prune` and `pool` are PPT with one of its two actions forced. */
const ownNames = ["unreduced", "ppt", "prune", "pool"] as const;

export type ReductionName = (typeof ownNames)[number] | PolicyName;

/** The names above, then every other policy of core's registry. */
export const reductionNames: readonly ReductionName[] = [...new Set([...ownNames, ...policyNames])];

/**
 * The reduction settings that `name` stands for. A checkpoint's `own` settings give the schedule, the blocks and their token
 * counts; its threshold is kept where its policy is PPT.
 */
export function reductionFor(
  name: ReductionName,
  own: ReductionConfig = publishedReduction,
): ReductionConfig | undefined {
  if (name === "unreduced") return undefined;
  const { layers, tokensRemoved } = own;
  const ppt = (own.policy ?? "ppt") === "ppt" ? own : { ...publishedReduction, layers, tokensRemoved };
  if (name === "ppt") return ppt;
  if (name === "prune" || name === "pool") return { ...ppt, threshold: name };
  return own.policy === name ? own : { layers, tokensRemoved, policy: name };
}

const titles = new Map<string, string>([
  ["ppt", "PPT"],
  ["prune", "prune only"],
  ["pool", "pool only"],
]);

/** `name` as reports show it. */
export const titleOf = (name: string): string => titles.get(name) ?? name;

/** Grey, then the Okabe-Ito palette, which stays apart for colour-blind readers. */
const palette = ["#7a7a7a", "#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#cc79a7", "#f0e442"];

export const colourOf = (name: ReductionName): string => palette[reductionNames.indexOf(name) % palette.length]!;

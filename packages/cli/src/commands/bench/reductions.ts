/** The names that `--policies` takes: how each reduces a model, what it is called, and its colour in plots. */
import {
  defaultReduction,
  type PolicyName,
  policies,
  policyNames,
  type ReductionConfig,
  type VisionModelConfig,
} from "@ppt-vit/core";

/**
 * `unreduced` is the baseline of every speedup; `prune` and `pool` are PPT with one of its two actions forced; `own` is what the
 * checkpoint's `reduction.json` says, which may be a policy per layer.
 */
const ownNames = ["unreduced", "ppt", "prune", "pool", "own"] as const;

export type ReductionName = (typeof ownNames)[number] | PolicyName;

/** How the cells of one column reduce: by a name of `reductionNames`, or by the settings that `--reduction` named. */
export interface WantedReduction {
  readonly policy: string;
  readonly reduction?: ReductionConfig;
}

/** The names above, then every other policy of core's registry. */
export const reductionNames: readonly ReductionName[] = [...new Set([...ownNames, ...policyNames])];

export const isReductionName = (name: string): name is ReductionName =>
  (reductionNames as readonly string[]).includes(name);

/**
 * The reduction settings that `name` stands for. A checkpoint's `own` settings give the schedule, the blocks and their token
 * counts; its threshold is kept where its policy is PPT.
 */
export function reductionFor(
  name: ReductionName,
  config: VisionModelConfig,
  own: ReductionConfig = defaultReduction(config),
): ReductionConfig | undefined {
  if (name === "unreduced") return undefined;
  if (name === "own") return own;
  const { layers, tokensRemoved } = own;
  const ppt = (own.policy ?? "ppt") === "ppt" ? own : { ...defaultReduction(config), layers, tokensRemoved };
  if (name === "ppt") return ppt;
  if (name === "prune" || name === "pool") return { ...ppt, threshold: name };
  return own.policy === name ? own : { layers, tokensRemoved, policy: name };
}

/** Title and colour of what is no policy. The colours are Okabe and Ito's, which colour-blind readers can tell apart. */
const ownLooks = new Map<string, { readonly title: string; readonly colour: string }>([
  ["unreduced", { title: "unreduced", colour: "#7a7a7a" }],
  ["prune", { title: "prune only", colour: "#e69f00" }],
  ["pool", { title: "pool only", colour: "#56b4e9" }],
  ["own", { title: "its own settings", colour: "#332288" }],
]);

const looksOf = (name: string) => ownLooks.get(name) ?? policies.find((policy) => policy.name === name);

/** `name` as reports show it. */
export const titleOf = (name: string): string => looksOf(name)?.title ?? name;

/** The colour of `name` in plots, as CSS writes it. That of settings from a file depends on their name alone. */
export const colourOf = (name: string): string => looksOf(name)?.colour ?? `hsl(${hueOf(name)} 65% 42%)`;

/** Neighbouring sums lie a golden angle apart, so that `a.json` and `b.json` differ. */
const hueOf = (name: string): number => {
  const sum = [...name].reduce((total, one, i) => total + (i + 1) * one.codePointAt(0)!, 0);
  return Math.round((sum * 137.508) % 360);
};

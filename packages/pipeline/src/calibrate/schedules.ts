/** The schedules to try: the blocks that reduce, in which proportion, and how many tokens they remove at a budget. */

import type { ReductionConfig, TokensRemoved, VisionModelConfig } from "@ppt-vit/core";
import { modelCost } from "@ppt-vit/core/loading";
import { weakest } from "./weakest.js";

/** The blocks that reduce, and how their counts relate. */
export interface Pattern {
  readonly name: string;
  readonly layers: readonly number[];
  /** Equal counts, as published, or equal shares of the tokens that enter, which remove more in early blocks. */
  readonly shape: "counts" | "shares";
}

export type Schedule = Pick<ReductionConfig, "layers" | "tokensRemoved">;

/** First and last reducing block as shares of the depth, and the number of blocks. The published one is first. */
const spreads: readonly (readonly [first: number, last: number, count: number])[] = [
  [3 / 12, 9 / 12, 3],
  [2 / 12, 8 / 12, 3],
  [4 / 12, 10 / 12, 3],
  [4 / 12, 8 / 12, 2],
  [2 / 12, 10 / 12, 5],
  [4 / 12, 9 / 12, 6],
  [1 / 12, 10 / 12, 10],
];

/** Patterns for a model of `depth` blocks, the published one (a quarter, half and three quarters in) first. */
export function patternsFor(depth: number): Pattern[] {
  const seen = new Set<string>();
  return spreads.flatMap(([first, last, count]) => {
    const step = ((last - first) * depth) / (count - 1);
    const layers = [...new Set(Array.from({ length: count }, (_, i) => Math.round(first * depth + i * step)))]
      .filter((layer) => layer < depth)
      .sort((a, b) => a - b);
    if (layers.length === 0 || seen.has(layers.join())) return [];
    seen.add(layers.join());
    return (["counts", "shares"] as const).map((shape) => ({ name: `${layers.join("-")} ${shape}`, layers, shape }));
  });
}

/** Multiply-accumulates of one image under a schedule of merging, 1e9. */
export const costOf = (config: VisionModelConfig, schedule: Schedule): number =>
  modelCost(config, { ...schedule, threshold: "pool" }).gmacs;

/** The pattern with the fewest tokens removed that costs at most `gmacs`; undefined where no number does. */
export function fitPattern(config: VisionModelConfig, { layers, shape }: Pattern, gmacs: number): Schedule | undefined {
  return fit(config, gmacs, (strength) => ({
    layers,
    // Rounded to thousandths, to be read by people.
    tokensRemoved:
      shape === "shares" ? { share: Math.ceil(strength * 500) / 1000 } : Math.round(strength * mostTokens(config)),
  }));
}

const mostTokens = (config: VisionModelConfig) => modelCost(config).blocks[0]!.attentionTokens / 2;

/** The weakest schedule within the budget. Cost falls as strength grows from 0 to 1. */
function fit(
  config: VisionModelConfig,
  gmacs: number,
  scheduleOf: (strength: number) => Schedule,
): Schedule | undefined {
  if (costOf(config, scheduleOf(1)) > gmacs) return undefined;
  return scheduleOf(weakest((strength) => costOf(config, scheduleOf(strength)) > gmacs, 16));
}

/** The tokens that each block of a schedule removes. */
export function countsOf(config: VisionModelConfig, schedule: Schedule): number[] {
  const { blocks } = modelCost(config, { ...schedule, threshold: "pool" });
  return schedule.layers.map((layer) => blocks[layer]!.attentionTokens - blocks[layer]!.mlpTokens);
}

/** The cheapest schedule of all patterns: no budget below it can be reached. */
export function cheapest(config: VisionModelConfig): { gmacs: number; schedule: Schedule } {
  const all = patternsFor(config.layers).map(({ layers }) => {
    const tokensRemoved: TokensRemoved = { share: 1 };
    const schedule = { layers, tokensRemoved };
    return { gmacs: costOf(config, schedule), schedule };
  });
  return all.reduce((best, one) => (one.gmacs < best.gmacs ? one : best));
}

/** What a reduction costs: multiply-accumulates, or a time that is added up from a table of this device. */

import type { ReductionConfig, VisionModelConfig } from "@ppt-vit/core";
import { modelCost } from "@ppt-vit/core/loading";
import { lastBlock, mlpShare } from "./block-shares.js";
import { kindOf, type LatencyTable, savedAt, stepAt } from "./latency.js";
import { stagesOf } from "./steps.js";

/** The cost of one image under a reduction, in a unit of its own. */
export interface Costs {
  readonly config: VisionModelConfig;
  readonly unreduced: number;
  of(reduction: ReductionConfig): number;
}

/** Multiply-accumulates, 1e9. */
export const gmacsOf = (config: VisionModelConfig): Costs => ({
  config,
  unreduced: modelCost(config).gmacs,
  of: (reduction) => modelCost(config, reduction).gmacs,
});

/**
 * Milliseconds of one image, from a table: the unreduced time, less what each block saves at its number of tokens, and the steps
 * themselves. In a reducing block attention has the tokens that enter, and the MLP those that leave.
 */
export function latencyCosts(config: VisionModelConfig, table: LatencyTable): Costs {
  const share = mlpShare(config);
  const last = lastBlock(config);
  return {
    config,
    unreduced: table.unreducedMs,
    of(reduction) {
      const { blocks } = modelCost(config, reduction);
      let ms = table.unreducedMs;
      for (const { layer, attentionTokens, mlpTokens } of blocks) {
        const whole = layer === config.layers - 1 ? last : 1;
        ms -= whole * ((1 - share) * savedAt(table, attentionTokens) + share * savedAt(table, mlpTokens));
      }
      for (const { layer, step } of stagesOf(reduction)) {
        const { attentionTokens, mlpTokens } = blocks[layer]!;
        if (mlpTokens < attentionTokens) ms += stepAt(table, kindOf(step), attentionTokens);
      }
      // A table with noise in it must not promise time out of nothing.
      return Math.max(0.01 * table.unreducedMs, ms);
    },
  };
}

/** How the work of a block divides. */

import type { VisionModelConfig } from "@ppt-vit/core";
import { modelCost } from "@ppt-vit/core/loading";

/** The share of a block's multiply-accumulates that its MLP has. */
export function mlpShare(config: VisionModelConfig): number {
  const { attentionMacs, mlpMacs } = modelCost(config).blocks[0]!;
  return mlpMacs / (attentionMacs + mlpMacs);
}

/**
 * How much of a block the last one computes: of a classifier that reads one or two rows only the keys and the values of the others,
 * two of the four projections.
 */
export function lastBlock(config: VisionModelConfig): number {
  if (config.depth || !["class", "distilled"].includes(config.pooling)) return 1;
  const { attentionMacs, mlpMacs } = modelCost(config).blocks[0]!;
  const projections = 4 * modelCost(config).blocks[0]!.attentionTokens * config.hiddenSize ** 2;
  return (0.5 * projections) / (attentionMacs + mlpMacs);
}

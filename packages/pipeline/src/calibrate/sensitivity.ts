/** How much each block loses by each step if it reduces alone. From that the loss of a whole plan is estimated, to order trials. */

import type { VisionModelConfig } from "@ppt-vit/core";
import { modelCost } from "@ppt-vit/core/loading";
import { type Plan, pooling, reductionOf, type Step, sameStep } from "./steps.js";
import type { Trial } from "./trial.js";

/** The most blocks that are measured. Those between them lose as their neighbours do. */
const mostBlocks = 12;
/** Shares of the tokens that a block removes alone. Pooling can remove half, but then it merges even what is not alike. */
const [gentle, firm] = [0.2, 0.4];

export interface Sensitivity {
  /** The blocks that were measured. */
  readonly layers: readonly number[];
  /** The step that loses least in a block. */
  best(layer: number): Step;
  /** The sum of what the stages would lose alone. */
  estimate(plan: Plan): number;
}

interface BlockLoss {
  /** Loss of each step at the larger share. */
  readonly losses: readonly { readonly step: Step; readonly loss: number }[];
  /** The loss grows with this power of the share. */
  readonly power: number;
}

/** The blocks that may reduce, of which all but a few are left out in very deep models. The last block's tokens are not read. */
export function measuredLayers({ layers }: Pick<VisionModelConfig, "layers">): number[] {
  const count = Math.min(mostBlocks, layers - 1);
  return [...new Set(Array.from({ length: count }, (_, i) => Math.round((i * (layers - 2)) / Math.max(1, count - 1))))];
}

/** Measures pooling at two shares, and the other `steps` at the larger one. */
export async function measureSensitivity(
  config: VisionModelConfig,
  steps: readonly Step[],
  evaluate: (reduction: Trial["reduction"]) => Promise<Trial>,
): Promise<Sensitivity> {
  const { blocks } = modelCost(config);
  const layers = measuredLayers(config);
  const lossOf = async (layer: number, share: number, step: Step) => {
    const removed = Math.max(1, Math.floor(share * (blocks[0]!.attentionTokens - 1)));
    // A loss of 0 would make every power of it alike.
    return Math.max(1e-9, (await evaluate(reductionOf([{ layer, removed, step }]))).loss);
  };
  const measured = new Map<number, BlockLoss>();
  for (const layer of layers) {
    const weak = await lossOf(layer, gentle, pooling);
    const losses = [];
    for (const step of steps) losses.push({ step, loss: await lossOf(layer, firm, step) });
    const pooled = losses.find(({ step }) => sameStep(step, pooling))?.loss ?? losses[0]!.loss;
    const power = Math.min(6, Math.max(1, Math.log2(pooled / weak) / Math.log2(firm / gentle)));
    measured.set(layer, { losses, power });
  }
  const nearest = (layer: number): BlockLoss =>
    measured.get(layers.reduce((best, one) => (Math.abs(one - layer) < Math.abs(best - layer) ? one : best)))!;
  const best = (layer: number) => nearest(layer).losses.reduce((a, b) => (b.loss < a.loss ? b : a)).step;
  return {
    layers,
    best,
    estimate(plan) {
      let tokens = blocks[0]!.attentionTokens;
      let total = 0;
      for (const { layer, removed, step } of plan) {
        const { losses, power } = nearest(layer);
        const loss = (losses.find((one) => sameStep(one.step, step)) ?? losses.find((one) => alike(one.step, step)))
          ?.loss;
        total += (loss ?? losses[0]!.loss) * (removed / tokens / firm) ** power;
        tokens -= removed;
      }
      return total;
    },
  };
}

/** Steps that differ only in their score or in a threshold between pruning and pooling. */
const alike = (a: Step, b: Step): boolean =>
  a.policy === b.policy && (a.threshold === "prune") === (b.threshold === "prune");

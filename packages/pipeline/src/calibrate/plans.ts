/** Plans at a budget: fitted to it, and changed step by step. */
import { modelCost, type VisionModelConfig } from "@ppt-vit/core";
import { type Plan, type PlannedStage, reductionOf, type Step, sameStep } from "./steps.js";
import { weakest } from "./weakest.js";

export const costOfPlan = (config: VisionModelConfig, plan: Plan): number => modelCost(config, reductionOf(plan)).gmacs;

const tokensOf = (config: VisionModelConfig): number => modelCost(config).blocks[0]!.attentionTokens;

/**
 * The plan with its counts in the same proportions, as few as keep the budget. Stages that would remove nothing are left out. Undefined
 * if no counts keep it.
 */
export function fitPlan(config: VisionModelConfig, plan: Plan, gmacs: number): Plan | undefined {
  const largest = Math.max(...plan.map(({ removed }) => removed));
  if (!(largest > 0)) return undefined;
  const most = tokensOf(config);
  const at = (strength: number) =>
    plan.map((stage) => ({ ...stage, removed: Math.round((strength * most * stage.removed) / largest) }));
  if (costOfPlan(config, at(1)) > gmacs) return undefined;
  const fitting = at(weakest((strength) => costOfPlan(config, at(strength)) > gmacs, 12));
  const { blocks } = modelCost(config, reductionOf(fitting));
  return fitting
    .map((stage) => ({ ...stage, removed: blocks[stage.layer]!.attentionTokens - blocks[stage.layer]!.mlpTokens }))
    .filter(({ removed }) => removed > 0);
}

/** A plan that removes the same share of the tokens in each of the blocks, and costs at most `gmacs`. */
export function evenPlan(
  config: VisionModelConfig,
  layers: readonly number[],
  stepOf: (layer: number) => Step,
  gmacs: number,
): Plan | undefined {
  const at = (share: number): Plan => {
    let tokens = tokensOf(config);
    return layers.map((layer) => {
      const removed = Math.round(share * tokens);
      tokens -= removed;
      return { layer, removed, step: stepOf(layer) };
    });
  };
  return fitPlan(config, at(weakest((share) => costOfPlan(config, at(share)) > gmacs, 8)), gmacs);
}

/** Part of a stage's tokens that a change hands to another block. */
const handedOver = 0.3;

/**
 * Changes of a plan at the same cost: a stage takes another step, goes to the next block, hands tokens to its neighbour, is left out,
 * or lets a block between join in.
 */
export function changesOf(
  config: VisionModelConfig,
  plan: Plan,
  gmacs: number,
  stepsOf: (layer: number) => readonly Step[],
): Plan[] {
  const changed: PlannedStage[][] = [];
  const replaced = (i: number, ...stages: PlannedStage[]) => [...plan.slice(0, i), ...stages, ...plan.slice(i + 1)];
  const isFree = (layer: number) =>
    layer >= 0 && layer < config.layers - 1 && plan.every((stage) => stage.layer !== layer);
  plan.forEach((stage, i) => {
    for (const step of stepsOf(stage.layer))
      if (!sameStep(step, stage.step)) changed.push(replaced(i, { ...stage, step }));
    for (const layer of [stage.layer - 1, stage.layer + 1])
      if (isFree(layer)) changed.push(replaced(i, { ...stage, layer }));
    for (const to of [i - 1, i + 1]) {
      if (!plan[to]) continue;
      const handed = handedOver * stage.removed;
      changed.push(
        plan.map((one, k) => {
          if (k === i) return { ...one, removed: one.removed - handed };
          return k === to ? { ...one, removed: one.removed + handed } : one;
        }),
      );
    }
    if (plan.length > 1) changed.push(replaced(i));
    const joining = stage.layer + 2;
    if (isFree(joining) && isFree(joining - 1)) {
      const half = { ...stage, removed: stage.removed / 2 };
      changed.push(replaced(i, half, { ...half, layer: joining }));
    }
  });
  return changed.map((one) => fitPlan(config, one, gmacs)).filter((one) => one !== undefined);
}

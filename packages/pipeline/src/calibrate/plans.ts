/** Plans at a budget: fitted to it, and changed step by step. */

import type { VisionModelConfig } from "@ppt-vit/core";
import { modelCost } from "@ppt-vit/core/loading";
import type { Costs } from "./costs.js";
import { type Plan, type PlannedStage, reductionOf, type Step, sameStep } from "./steps.js";
import { weakest } from "./weakest.js";

export const costOfPlan = (costs: Costs, plan: Plan): number => costs.of(reductionOf(plan));

const tokensOf = (config: VisionModelConfig): number => modelCost(config).blocks[0]!.attentionTokens;

/**
 * The plan with its counts in the same proportions, as few as keep the budget. Stages that would remove nothing are left out. Undefined
 * if no counts keep it.
 */
export function fitPlan(costs: Costs, plan: Plan, budget: number): Plan | undefined {
  const { config } = costs;
  const largest = Math.max(...plan.map(({ removed }) => removed));
  if (!(largest > 0)) return undefined;
  const most = tokensOf(config);
  const at = (strength: number) =>
    plan.map((stage) => ({ ...stage, removed: Math.round((strength * most * stage.removed) / largest) }));
  if (costOfPlan(costs, at(1)) > budget) return undefined;
  const fitting = at(weakest((strength) => costOfPlan(costs, at(strength)) > budget, 12));
  const { blocks } = modelCost(config, reductionOf(fitting));
  return fitting
    .map((stage) => ({ ...stage, removed: blocks[stage.layer]!.attentionTokens - blocks[stage.layer]!.mlpTokens }))
    .filter(({ removed }) => removed > 0);
}

/** A plan that removes the same share of the tokens in each of the blocks, and costs at most `budget`. */
export function evenPlan(
  costs: Costs,
  layers: readonly number[],
  stepOf: (layer: number) => Step,
  budget: number,
): Plan | undefined {
  const at = (share: number): Plan => {
    let tokens = tokensOf(costs.config);
    return layers.map((layer) => {
      const removed = Math.round(share * tokens);
      tokens -= removed;
      return { layer, removed, step: stepOf(layer) };
    });
  };
  return fitPlan(costs, at(weakest((share) => costOfPlan(costs, at(share)) > budget, 8)), budget);
}

/** Part of a stage's tokens that a change hands to another block. */
const handedOver = 0.3;

/**
 * Changes of a plan at the same cost: a stage takes another step, goes to the next block, hands tokens to its neighbour, is left out,
 * or lets a block between join in.
 */
export function changesOf(
  costs: Costs,
  plan: Plan,
  budget: number,
  stepsOf: (layer: number) => readonly Step[],
): Plan[] {
  const { config } = costs;
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
  return changed.map((one) => fitPlan(costs, one, budget)).filter((one) => one !== undefined);
}

/** The share of the removed tokens that two plans remove in other blocks or by other steps, from 0 to 1. Thresholds do not count. */
export function tokensMoved(a: Plan, b: Plan): number {
  const counts = new Map<string, [number, number]>();
  for (const [which, plan] of [a, b].entries())
    for (const { layer, removed, step } of plan) {
      // Pooling reads no score.
      const key = `${layer} ${step.policy} ${step.threshold === "pool" ? "" : step.score}`;
      const pair = counts.get(key) ?? [0, 0];
      pair[which]! += removed;
      counts.set(key, pair);
    }
  const pairs = [...counts.values()];
  const total = (which: 0 | 1) => pairs.reduce((sum, pair) => sum + pair[which], 0);
  const common = pairs.reduce((sum, [one, other]) => sum + Math.min(one, other), 0);
  return 1 - common / Math.max(total(0), total(1));
}

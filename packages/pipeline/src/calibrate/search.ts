/**
 * Searches settings at budgets of cost. Each block is tried alone first. Plans of few blocks are ordered by the sum of those losses, and
 * the best of them are tried, together with the published blocks. Then the best plans are changed one stage at a time. All this
 * compares the search's pictures. A few plans of each budget that differ are tried on all pictures, and those held back decide.
 */
import type { ReductionConfig } from "@ppt-vit/core";
import { quantile } from "../statistics.js";
import type { Costs } from "./costs.js";
import type { BlockSpread } from "./evaluate.js";
import { changesOf, costOfPlan, evenPlan, fitPlan, tokensMoved } from "./plans.js";
import { patternsFor } from "./schedules.js";
import { measuredLayers, measureSensitivity, type Sensitivity } from "./sensitivity.js";
import { type Plan, pooling, reductionOf, type Step, stepsOf } from "./steps.js";
import { compareLoss, type Objective, type Trial } from "./trial.js";

export interface SearchOptions {
  /** What a budget is counted in. */
  readonly costs: Costs;
  /** Costs of one image. The first is searched most. */
  readonly budgets: readonly number[];
  readonly objective: Objective;
  /** N^2 * variance of the scores in each block. */
  readonly spreads: readonly BlockSpread[];
  /** Tries settings on the search's pictures. Called once for each set of settings. */
  screen(reduction: ReductionConfig): Promise<Trial>;
  /** Tries settings on all pictures; the divergence is that of the pictures held back. Called once for each set of settings. */
  decide(reduction: ReductionConfig): Promise<Trial>;
  /** Told before the first trial, and whenever it is known better, about how many trials there will be in all. */
  expect?(trials: number): void;
}

/** Numbers of trials: starts by estimate, changes at the first budget and at each other one, and plans that are decided on. */
const effort = { starts: 5, changes: 40, otherChanges: 10, finalists: 6 };
/** About how many plans the first budget starts from. */
const startsAbout = 18;
/** About how many trials so many budgets take, the first of which is searched more unless that was done. */
const effortFor = (budgets: number, begun = false): number =>
  budgets * (effort.otherChanges + effort.finalists + 4) + (begun ? 0 : effort.changes - effort.otherChanges);
/** Plans differ if they remove at least this share of the tokens in other blocks or by other steps. */
const different = 0.25;
/** Plans of up to this many blocks are estimated. */
const mostTogether = 3;
/** First, middle and last of three blocks as shares of the depth. */
const early = [
  [1 / 12, 3 / 12, 6 / 12],
  [2 / 12, 4 / 12, 6 / 12],
];

interface Candidate {
  readonly plan: Plan;
  readonly trial: Trial;
}

/** Runs the search. -> the trials on all pictures, in their order */
export async function searchSettings(options: SearchOptions): Promise<Trial[]> {
  const { costs, budgets, objective, screen, decide } = options;
  const { config } = costs;
  const byLoss = (a: Candidate, b: Candidate) => compareLoss(a.trial, b.trial, objective);
  const screened = new Map<string, Candidate>();
  const decided = new Map<string, Trial>();
  const keyOf = (plan: Plan) => JSON.stringify(plan);

  const attempt = async (plan: Plan): Promise<Candidate> => {
    const known = screened.get(keyOf(plan));
    if (known) return known;
    const candidate = { plan, trial: await screen(reductionOf(plan)) };
    screened.set(keyOf(plan), candidate);
    return candidate;
  };
  const attemptAll = async (plans: readonly (Plan | undefined)[]): Promise<Candidate[]> => {
    const tried: Candidate[] = [];
    for (const plan of plans) if (plan) tried.push(await attempt(plan));
    return tried.sort(byLoss);
  };

  const limits = new Map(options.spreads.map(({ layer, values }) => [layer, roundThreshold(quantile(values, 0.5))]));
  const steps = (layer: number) => stepsOf(config, limits.get(layer));
  // Which query merges better changes with the depth. Pruning is measured by one of them, which the other's order follows.
  const alone = stepsOf(config, undefined).filter(
    ({ policy, score = "mean" }) => score === "mean" || policy === "diffrate",
  );
  const single = measuredLayers(config).length * (1 + alone.length);
  const expect = (rest: number) => options.expect?.(screened.size + decided.size + single + rest);
  expect(startsAbout + effortFor(budgets.length));
  const sensitivity = await measureSensitivity(config, alone, screen);

  /** Changes the best plan until no change is better, or `most` of them were tried. */
  async function improve(from: Candidate, budget: number, most: number): Promise<Candidate> {
    let champion = from;
    for (let tried = 0; tried < most; ) {
      const changes = changesOf(costs, champion.plan, budget, steps)
        .filter((plan) => !screened.has(keyOf(plan)))
        .sort((a, b) => sensitivity.estimate(a) - sensitivity.estimate(b));
      let better: Candidate | undefined;
      for (const plan of changes) {
        if (tried++ >= most) break;
        const candidate = await attempt(plan);
        if (byLoss(candidate, champion) < 0) better = candidate;
        if (better) break;
      }
      if (!better) break;
      champion = better;
    }
    return champion;
  }

  /** The best plans that were screened at a budget, and the published ones. */
  async function settle(budget: number): Promise<void> {
    const within = [...screened.values()].filter(({ plan }) => {
      const cost = costOfPlan(costs, plan);
      return cost <= budget && cost > 0.94 * budget;
    });
    // Plans that are nearly the same would leave the pictures held back nothing to decide.
    const finalists: Plan[] = [];
    for (const { plan } of within.sort(byLoss)) {
      if (finalists.length === effort.finalists) break;
      if (finalists.every((one) => tokensMoved(one, plan) >= different)) finalists.push(plan);
    }
    for (const plan of [...finalists, ...publishedPlans(costs, limits, budget)]) {
      if (!decided.has(keyOf(plan))) decided.set(keyOf(plan), await decide(reductionOf(plan)));
    }
  }

  let leaders: Candidate[] = [];
  for (const [i, budget] of budgets.entries()) {
    const starts = leaders.length === 0 ? startsFor(costs, sensitivity, budget) : [];
    expect(starts.length + effortFor(budgets.length - i, leaders.length > 0));
    const tried = await attemptAll([...starts, ...leaders.map(({ plan }) => fitPlan(costs, plan, budget))]);
    if (tried.length === 0) continue;
    const most = leaders.length === 0 ? effort.changes : effort.otherChanges;
    const champion = await improve(tried[0]!, budget, i === 0 ? Math.ceil(0.7 * most) : most);
    const second = tried.find((one) => one !== tried[0] && !sameLayers(one.plan, champion.plan));
    const other = i === 0 && second ? await improve(second, budget, Math.floor(0.3 * most)) : second;
    // The next budget begins with the leaders of this one.
    leaders = [champion, ...(other ? [other] : [])].sort(byLoss);
    await settle(budget);
  }
  return [...decided.values()];
}

const sameLayers = (a: Plan, b: Plan): boolean =>
  a.map(({ layer }) => layer).join() === b.map(({ layer }) => layer).join();

/** Plans to start from: those that lose least by the estimate, and fixed ones that reduce early or in many blocks. */
function startsFor(costs: Costs, sensitivity: Sensitivity, budget: number): Plan[] {
  const { config } = costs;
  const even = (layers: readonly number[], stepOf: (layer: number) => Step) =>
    evenPlan(costs, layers, stepOf, budget) ?? [];
  const estimated = subsets(sensitivity.layers, mostTogether)
    .map((layers) => even(layers, sensitivity.best))
    .filter((plan) => plan.length > 0)
    .sort((a, b) => sensitivity.estimate(a) - sensitivity.estimate(b));
  const different: Plan[] = [];
  for (const plan of estimated) {
    if (different.length === effort.starts) break;
    if (different.every((one) => distance(one, plan) > 1)) different.push(plan);
  }
  const fixed = [
    ...early.map((shares) => [...new Set(shares.map((share) => Math.round(share * config.layers)))]),
    ...new Set(patternsFor(config.layers).map(({ layers }) => layers)),
  ].filter((layers) => layers.length > 1);
  const plans = [
    ...different,
    ...different.map((plan) =>
      even(
        plan.map(({ layer }) => layer),
        () => pooling,
      ),
    ),
    ...fixed.map((layers) => even(layers, () => pooling)),
  ];
  return plans.filter((plan) => plan.length > 0);
}

/** How far the blocks of two plans are apart. */
const distance = (a: Plan, b: Plan): number =>
  a.length === b.length ? a.reduce((sum, { layer }, i) => sum + Math.abs(layer - b[i]!.layer), 0) : 2;

/** All choices of 1 to `most` of the values, in order. */
function subsets(values: readonly number[], most: number): number[][] {
  if (most === 0) return [];
  return values.flatMap((value, i) => [
    [value],
    ...subsets(values.slice(i + 1), most - 1).map((rest) => [value, ...rest]),
  ]);
}

/** PPT in the published blocks with equal counts: pooling alone, and with a threshold in the middle of the variances seen. */
function publishedPlans(costs: Costs, limits: ReadonlyMap<number, number>, budget: number): Plan[] {
  const { layers } = patternsFor(costs.config.layers)[0]!;
  const middle = limits.get(layers[0]!);
  const steps: Step[] = [
    pooling,
    ...(middle === undefined ? [] : [{ policy: "ppt", threshold: { scaleFree: middle } } as const]),
  ];
  return steps
    .map((step) =>
      fitPlan(
        costs,
        layers.map((layer) => ({ layer, removed: 1, step })),
        budget,
      ),
    )
    .filter((plan) => plan !== undefined);
}

/** Rounds to three digits: more would be noise. */
const roundThreshold = (threshold: number): number => Number(threshold.toPrecision(3));

/** The default budgets, as shares of the unreduced cost. The first is that of the published settings. */
export const defaultBudgets = ({ unreduced }: Pick<Costs, "unreduced">): number[] =>
  [0.64, 0.92, 0.84, 0.74, 0.55].map((share) => share * unreduced);

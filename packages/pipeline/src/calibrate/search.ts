/**
 * Searches settings. A trial is expensive, so the search goes from coarse to fine: every pattern at one budget, then the
 * thresholds and neighbours of the best patterns, then the winners at the other budgets.
 */
import { modelCost, type ReductionConfig, type Threshold, type VisionModelConfig } from "@ppt-vit/core";
import { quantile } from "../statistics.js";
import { countsOf, fitCounts, fitPattern, neighbours, type Pattern, patternsFor, type Schedule } from "./schedules.js";
import { compareLoss, type Objective, type Trial } from "./trial.js";

export interface SearchOptions {
  readonly config: VisionModelConfig;
  /** GMACs of one image. The first is searched most. */
  readonly budgets: readonly number[];
  readonly objective: Objective;
  /** Tries settings. Called once for each set of settings. */
  evaluate(reduction: ReductionConfig): Promise<Trial>;
}

/** Number of patterns whose thresholds are tried, and of rounds through the champion's neighbours. */
const finalists = 3;
const rounds = 2;
/** Thresholds between always pruning and always pooling: quantiles of the spreads, below which images are pooled. */
const poolingShares = [0.25, 0.5, 0.75];

/** Runs the search. -> all trials, in their order */
export async function searchSettings({ config, budgets, objective, evaluate }: SearchOptions): Promise<Trial[]> {
  const known = new Map<string, Trial>();
  const attempt = async (schedule: Schedule, threshold: Threshold): Promise<Trial> => {
    const reduction: ReductionConfig = { ...schedule, threshold };
    // The same counts written in two ways are one trial.
    const key = JSON.stringify([schedule.layers, countsOf(config, schedule), threshold]);
    const trial = known.get(key) ?? (await evaluate(reduction));
    known.set(key, trial);
    return trial;
  };
  const byLoss = (a: Trial, b: Trial) => compareLoss(a, b, objective);

  const [anchor, ...others] = budgets as [number, ...number[]];
  const patterns = patternsFor(config.layers);
  // The published pattern stays a finalist even if it is not among the best.
  const screened: { pattern: Pattern; best: Trial }[] = [];
  for (const pattern of patterns) {
    const schedule = fitPattern(config, pattern, anchor);
    if (!schedule) continue;
    const pooled = await attempt(schedule, "pool");
    const mixed = await attempt(schedule, { scaleFree: spreadAt(pooled, 0.5) });
    screened.push({ pattern, best: [pooled, mixed].sort(byLoss)[0]! });
  }
  screened.sort((a, b) => byLoss(a.best, b.best));
  const published = screened.find(({ pattern }) => pattern === patterns[0]);
  const chosen = [...new Set([...screened.slice(0, finalists), ...(published ? [published] : [])])];

  for (const { best } of chosen) await attemptThresholds(scheduleOf(best), best);
  let champion = [...known.values()].filter(({ gmacs }) => gmacs <= anchor).sort(byLoss)[0];
  for (let round = 0; champion && round < rounds; round++) {
    const before: Trial = champion;
    for (const schedule of neighbours(config, scheduleOf(before), anchor)) {
      const trial = await attempt(schedule, before.reduction.threshold as Threshold);
      if (byLoss(trial, champion) < 0) champion = trial;
    }
    if (champion === before) break;
  }
  if (champion) await attemptThresholds(scheduleOf(champion), champion);

  for (const budget of others) {
    if (champion) {
      const { layers } = champion.reduction;
      const schedule = fitCounts(config, layers, countsOf(config, scheduleOf(champion)), budget);
      if (schedule) await attemptBest(schedule, champion);
    }
    // If no pattern reaches the first budget, all patterns are tried at the others.
    for (const { pattern, best } of champion ? chosen : patterns.map((pattern) => ({ pattern, best: undefined }))) {
      const schedule = fitPattern(config, pattern, budget);
      if (schedule) await attemptBest(schedule, best);
    }
  }
  return [...known.values()];

  async function attemptThresholds(schedule: Schedule, { spreads }: Trial): Promise<void> {
    for (const share of poolingShares) await attempt(schedule, { scaleFree: roundThreshold(quantile(spreads, share)) });
    await attempt(schedule, "prune");
    await attempt(schedule, "pool");
  }

  /** Tries pooling, and the threshold that was best at another budget. */
  async function attemptBest(schedule: Schedule, model: Trial | undefined): Promise<void> {
    const pooled = await attempt(schedule, "pool");
    await attempt(
      schedule,
      (model?.reduction.threshold as Threshold | undefined) ?? { scaleFree: spreadAt(pooled, 0.5) },
    );
  }
}

const scheduleOf = ({ reduction: { layers, tokensRemoved } }: Trial): Schedule => ({ layers, tokensRemoved });

const spreadAt = ({ spreads }: Trial, share: number): number => roundThreshold(quantile(spreads, share));

/** Rounds to three digits: more would be noise. */
const roundThreshold = (threshold: number): number => Number(threshold.toPrecision(3));

/** The default budgets, as shares of the unreduced cost. The first is that of the published settings. */
export const defaultBudgets = (config: VisionModelConfig): number[] =>
  [0.64, 0.92, 0.84, 0.74, 0.55].map((share) => share * modelCost(config).gmacs);

/** How sure the choice is: the interval of its divergence, and how often the runner-up would have been chosen instead. */
import { checkArgument } from "@ppt-vit/core/options";
import { bootstrapMeans, type Interval } from "./statistics.js";
import { type Choices, type CostMeasure, compareLoss, costOfTrial, type Trial, trialCheck } from "./trial.js";

export interface RunnerUp {
  readonly trial: Trial;
  /** Share of the resamplings of the pictures in which the chosen settings have the smaller loss. */
  readonly chosenIsBetter: number;
}

/** 95 % interval of a trial's divergence, by resampling the pictures (percentile bootstrap). */
export function divergenceInterval(trial: Trial): Interval {
  checkArgument("divergenceInterval", "trial", trial, trialCheck);
  const means = bootstrapMeans([trial.divergences]).map(([mean]) => mean!);
  means.sort((a, b) => a - b);
  const at = (share: number) => means[Math.min(means.length - 1, Math.floor(share * means.length))]!;
  return [at(0.025), at(0.975)];
}

/** Settings count as equally cheap if they cost at most this much more. */
const tolerance = 1.02;

/** The best of the other trials that are as cheap as the chosen one. Undefined if there is none. */
export function runnerUp({ trials, measure, objective }: Choices, chosen: Trial): RunnerUp | undefined {
  checkArgument("runnerUp", "chosen", chosen, trialCheck);
  const cost = (trial: Trial, by: CostMeasure = measure) => costOfTrial(trial, by);
  const others = trials.filter((trial) => trial !== chosen && cost(trial) <= tolerance * cost(chosen));
  if (others.length === 0) return undefined;
  const trial = others.reduce((best, one) => (compareLoss(one, best, objective) < 0 ? one : best));
  const means = bootstrapMeans([chosen.losses, trial.losses]);
  return { trial, chosenIsBetter: means.filter(([mine, other]) => mine! < other!).length / means.length };
}

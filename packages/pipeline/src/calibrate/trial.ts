/** Settings that were tried, their Pareto front, and the choice for a target. */

import { PptError, type ReductionConfig } from "@ppt-vit/core";
import { describeReduction } from "@ppt-vit/core/on-demand";
import { check, checkArgument, object, positive, shaped } from "@ppt-vit/core/options";
import { type Interval, shareInterval } from "./statistics.js";

/** One reduction, tried on the calibration pictures. */
export interface Trial {
  readonly reduction: ReductionConfig;
  /** Multiply-accumulates of one image, 1e9. */
  readonly gmacs: number;
  /** Time of a run divided by its images, median over the batches. */
  readonly latencyMs: number;
  /** The time of an image that a table of latencies gives. Present if latency is the cost. It has less noise than `latencyMs`. */
  readonly estimatedMs?: number | undefined;
  /**
   * Mean divergence from the unreduced model's answers about pictures that the search did not see: Kullback-Leibler, in nats, from its probabilities; for a model without
   * classes the cosine distance, 1 - cosine, from its embeddings.
   */
  readonly divergence: number;
  /** Pictures whose best class is not the unreduced model's. Missing for a model without classes. */
  readonly disagreements?: number | undefined;
  readonly pictures: number;
  /**
   * What settings are compared by: the mean over the same pictures of the root of the divergence, for classes at temperature 4. No
   * single picture dominates it.
   */
  readonly loss: number;
  /** The loss of each of these pictures. */
  readonly losses: readonly number[];
  /** The divergence of each picture that was held back from the search, of which `divergence` is the mean. */
  readonly divergences: readonly number[];
}

/** What settings are judged by. On few pictures there is rarely a disagreement; the divergence still tells settings apart. */
export type Objective = "divergence" | "disagreement";
/** What a calibration lowers: multiply-accumulates, or measured time. */
export type CostMeasure = "gmacs" | "latency";

export const costOfTrial = (trial: Priced, measure: CostMeasure): number =>
  measure === "gmacs" ? trial.gmacs : (trial.estimatedMs ?? trial.latencyMs);

/** The costs of a trial, or of the unreduced model. */
export type Priced = Pick<Trial, "gmacs" | "latencyMs" | "estimatedMs">;

/** Below 0 if `a` is better. */
export function compareLoss(a: Trial, b: Trial, objective: Objective): number {
  const disagreement = (a.disagreements ?? 0) - (b.disagreements ?? 0);
  const loss = a.loss - b.loss;
  return objective === "divergence" ? loss || disagreement : disagreement || loss;
}

/** The Pareto front, cheapest first: each trial is better than all cheaper ones. */
export function paretoFront(trials: readonly Trial[], measure: CostMeasure, objective: Objective): Trial[] {
  const front: Trial[] = [];
  const byCost = [...trials].sort(
    (a, b) => costOfTrial(a, measure) - costOfTrial(b, measure) || compareLoss(a, b, objective),
  );
  for (const trial of byCost) {
    const last = front.at(-1);
    if (!last || compareLoss(trial, last, objective) < 0) front.push(trial);
  }
  return front;
}

/** Share of the pictures whose answer differs; 0 where that cannot be told. */
export const disagreementOf = ({ disagreements = 0, pictures }: Trial): number => disagreements / pictures;

/** 95 % Clopper-Pearson interval of the disagreement; undefined for a model without classes. */
export const disagreementInterval = ({ disagreements, pictures }: Trial): Interval | undefined =>
  disagreements === undefined ? undefined : shareInterval(disagreements, pictures);

/** The bound that settings must keep. */
export type CalibrationTarget =
  | { readonly gmacs: number }
  /** The unreduced cost divided by the reduced one, by the measure of cost. */
  | { readonly speedup: number }
  /** Largest share of pictures whose best class differs from the unreduced model's. */
  | { readonly maxDisagreement: number }
  /** Largest divergence: see `Trial.divergence`. */
  | { readonly maxDivergence: number };

const isShare = (value: unknown): boolean => typeof value === "number" && value >= 0 && value < 1;

/** Exactly one of the four bounds. */
export const targetCheck = check(
  "{ gmacs }, { speedup }, { maxDisagreement } or { maxDivergence }, one of them and a number",
  (value) => {
    if (!object.holds(value)) return false;
    const { gmacs, speedup, maxDisagreement, maxDivergence, ...others } = value as Record<string, unknown>;
    const asked = [gmacs, speedup, maxDisagreement, maxDivergence].filter((one) => one !== undefined);
    const sound = [gmacs, speedup, maxDivergence].some(positive.holds) || isShare(maxDisagreement);
    return asked.length === 1 && sound && Object.keys(others).length === 0;
  },
);

export const trialCheck = shaped("a trial, as calibrate() makes it", {
  reduction: object.holds,
  gmacs: (value) => typeof value === "number",
  loss: (value) => typeof value === "number",
  losses: (value) => Array.isArray(value) && value.length > 0,
  divergences: (value) => Array.isArray(value) && value.length > 0,
  disagreements: (value) => value === undefined || typeof value === "number",
  pictures: (value) => typeof value === "number",
});
const choicesCheck = shaped("what calibrate() gives", {
  trials: (value) => Array.isArray(value) && value.length > 0 && Array.from(value).every(trialCheck.holds),
  unreduced: object.holds,
});

export interface Choices {
  readonly trials: readonly Trial[];
  readonly unreduced: Priced;
  readonly measure: CostMeasure;
  readonly objective: Objective;
}

/**
 * The best trial that keeps a target: the one with the least loss within a cost, or the least cost within a disagreement or a
 * divergence.
 * @throws PptError INVALID_OPTION if no trial keeps it; the message names the nearest
 */
export function chooseSettings(choices: Choices, target: CalibrationTarget): Trial {
  checkArgument("chooseSettings", "choices", choices, choicesCheck);
  checkArgument("chooseSettings", "target", target, targetCheck, "INVALID_OPTION");
  const { unreduced, measure } = choices;
  if ("gmacs" in target) return withinCost(choices, "gmacs", target.gmacs);
  if ("speedup" in target) return withinCost(choices, measure, costOfTrial(unreduced, measure) / target.speedup);
  if ("maxDivergence" in target) return withinDivergence(choices, target.maxDivergence);
  if (choices.trials[0]!.disagreements === undefined) refuseDisagreement();
  return withinDisagreement(choices, target.maxDisagreement);
}

function withinCost({ trials, unreduced, objective }: Choices, measure: CostMeasure, most: number): Trial {
  const cost = (trial: Priced) => costOfTrial(trial, measure);
  const affordable = trials.filter((trial) => cost(trial) <= most);
  if (affordable.length > 0)
    return affordable.reduce((best, trial) => (compareLoss(trial, best, objective) < 0 ? trial : best));
  const nearest = trials.reduce((best, trial) => (cost(trial) < cost(best) ? trial : best));
  const show = (value: number) =>
    measure === "gmacs" ? `${value.toFixed(3)} GMACs` : `${value.toFixed(1)} ms an image`;
  throw new PptError(
    "INVALID_OPTION",
    `calibrate: no settings keep ${show(most)}; the nearest have ${show(cost(nearest))}, ${(cost(unreduced) / cost(nearest)).toFixed(2)} times as fast as unreduced (${describeReduction(nearest.reduction)})`,
  );
}

/** @throws PptError INVALID_OPTION, always */
export function refuseDisagreement(): never {
  throw new PptError(
    "INVALID_OPTION",
    "calibrate: this model has no classes, so no answer can be told to be another: bound the divergence with { maxDivergence } (--max-divergence)",
  );
}

function withinDivergence({ trials, measure }: Choices, most: number): Trial {
  const front = paretoFront(trials, measure, "divergence");
  const nearest = front.at(-1)!;
  const kept = front.find(({ divergence }) => divergence <= most);
  if (kept) return kept;
  throw new PptError(
    "INVALID_OPTION",
    `calibrate: no settings keep a divergence of ${most} on these pictures; the nearest have ${nearest.divergence.toPrecision(2)}, with ${nearest.gmacs.toFixed(3)} GMACs (${describeReduction(nearest.reduction)})`,
  );
}

/**
 * Walks the front from its most expensive end and stops at the first trial that breaks the bound. A cheaper trial beyond
 * it that keeps the bound does so by chance.
 */
function withinDisagreement({ trials, measure }: Choices, most: number): Trial {
  const front = paretoFront(trials, measure, "divergence").reverse();
  const broken = front.findIndex((trial) => disagreementOf(trial) > most);
  const kept = broken < 0 ? front.at(-1) : front[broken - 1];
  if (kept) return kept;
  const nearest = front.reduce((best, trial) => (disagreementOf(trial) < disagreementOf(best) ? trial : best));
  throw new PptError(
    "INVALID_OPTION",
    `calibrate: no settings keep a disagreement of ${(100 * most).toFixed(2)} % on ${nearest.pictures === 1 ? "this picture" : `these ${nearest.pictures} pictures`}; the nearest disagree on ${nearest.disagreements ?? 0}, ${(100 * disagreementOf(nearest)).toFixed(2)} %, with ${nearest.gmacs.toFixed(3)} GMACs (${describeReduction(nearest.reduction)})`,
  );
}

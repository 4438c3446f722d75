/** The budgets that a calibration searches. */
import { PptError } from "@ppt-vit/core";
import type { Costs } from "./costs.js";
import { cheapest } from "./schedules.js";
import { defaultBudgets } from "./search.js";
import type { CalibrationTarget, CostMeasure } from "./trial.js";

export interface AskedBudgets {
  readonly gmacs?: readonly number[] | undefined;
  readonly target: CalibrationTarget;
  /** What `costs` counts. */
  readonly measure: CostMeasure;
}

/** The budgets to search, the target's first. @throws PptError INVALID_OPTION if no schedule is that cheap */
export function budgetsFor(costs: Costs, { gmacs, target, measure }: AskedBudgets): number[] {
  const { config, unreduced } = costs;
  const budgets = [...(gmacs ?? defaultBudgets(costs))];
  if ("maxDisagreement" in target || "maxDivergence" in target) {
    // Finer steps, because the budget itself is unknown.
    return gmacs ? budgets : [...budgets, ...[0.96, 0.88, 0.79, 0.69, 0.6].map((share) => share * unreduced)];
  }
  const asked = "gmacs" in target ? target.gmacs : unreduced / target.speedup;
  if (!(asked > 0 && asked < unreduced))
    throw new PptError(
      "INVALID_OPTION",
      `calibrate: ${"gmacs" in target ? `${target.gmacs} GMACs` : "that speedup"} is no reduction: the unreduced model has ${measure === "gmacs" ? `${unreduced.toFixed(3)} GMACs` : `${unreduced.toFixed(1)} ms`}`,
    );
  const least = cheapest(config);
  // What time a schedule takes is known only from a table, which may be of another day.
  if (measure === "gmacs" && asked < least.gmacs)
    throw new PptError(
      "INVALID_OPTION",
      `calibrate: no schedule reaches ${asked.toFixed(3)} GMACs; the nearest is ${least.gmacs.toFixed(3)}, ${(unreduced / least.gmacs).toFixed(2)} times less than unreduced (half of the tokens in blocks ${least.schedule.layers.join(", ")})`,
    );
  return [asked, ...budgets.filter((budget) => Math.abs(budget - asked) > 0.02 * unreduced)];
}

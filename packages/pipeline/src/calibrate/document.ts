/** The outcome of a calibration as a `reduction.json`. */
import {
  type ModelIdentity,
  PptError,
  policyNames,
  type ReductionConfig,
  reductionVersion,
  writtenReduction,
} from "@ppt-vit/core";
import { checkArgument, object } from "@ppt-vit/core/options";
import type { Calibration } from "./calibrate.js";
import { divergenceInterval, runnerUp } from "./comparison.js";
import { type CalibrationTarget, disagreementInterval, type Trial, targetCheck, trialCheck } from "./trial.js";

/** A `reduction.json`: the settings, the checkpoint they are for, and a record of how they were found. */
export interface ReductionDocument extends ReductionConfig {
  readonly model: ModelIdentity;
  readonly calibration: Readonly<Record<string, unknown>>;
}

/**
 * The `reduction.json` for the trial that `chooseSettings` chose.
 * @throws PptError INVALID_INPUT, INVALID_OPTION; INVALID_REDUCTION if the policy is an object, which a file cannot hold
 */
export function reductionDocument(
  calibration: Calibration<unknown>,
  trial: Trial,
  target: CalibrationTarget,
): ReductionDocument {
  checkArgument("reductionDocument", "calibration", calibration, object);
  checkArgument("reductionDocument", "trial", trial, trialCheck);
  checkArgument("reductionDocument", "target", target, targetCheck, "INVALID_OPTION");
  const own = [trial.reduction.policy].flat().find((policy) => typeof policy === "object");
  if (own)
    throw new PptError(
      "INVALID_REDUCTION",
      `reductionDocument: policy '${own.name}' is an object, and reduction.json can only name the policies ${policyNames.join(", ")}: keep these settings in your program`,
    );
  const second = runnerUp(calibration, trial);
  const { unreduced, pictures, trials, screened, backend, dtype, objective, measure } = calibration;
  const { gmacs, latencyMs, divergence, disagreements } = trial;
  const interval95 = disagreementInterval(trial);
  return {
    version: reductionVersion,
    ...trial.reduction,
    model: calibration.model,
    calibration: {
      target,
      answers: calibration.answers,
      pictures,
      trials: trials.length + screened,
      backend,
      dtype,
      objective,
      measure,
      gmacs: { unreduced: unreduced.gmacs, reduced: gmacs },
      latencyMs: { unreduced: unreduced.latencyMs, reduced: latencyMs },
      divergence,
      heldBack: { pictures: trial.divergences.length, interval95: divergenceInterval(trial) },
      ...(second && {
        runnerUp: {
          reduction: writtenReduction(second.trial.reduction),
          divergence: second.trial.divergence,
          chosenIsBetter: second.chosenIsBetter,
        },
      }),
      ...(calibration.notices.length > 0 && { notices: calibration.notices }),
      ...(trial.estimatedMs !== undefined && {
        estimatedMs: { unreduced: unreduced.estimatedMs, reduced: trial.estimatedMs },
      }),
      ...(interval95 && { disagreement: { pictures: disagreements, interval95 } }),
    },
  };
}

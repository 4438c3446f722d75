/** The outcome of a calibration as a `reduction.json`. */
import type { ModelIdentity, ReductionConfig } from "@ppt-vit/core";
import { checkArgument, object } from "@ppt-vit/core/options";
import type { Calibration } from "./calibrate.js";
import { type CalibrationTarget, disagreementInterval, type Trial, targetCheck, trialCheck } from "./trial.js";

/** A `reduction.json`: the settings, the checkpoint they are for, and a record of how they were found. */
export interface ReductionDocument extends ReductionConfig {
  readonly model: ModelIdentity;
  readonly calibration: Readonly<Record<string, unknown>>;
}

/** The `reduction.json` for the trial that `chooseSettings` chose. @throws PptError INVALID_INPUT, INVALID_OPTION */
export function reductionDocument(
  calibration: Calibration<unknown>,
  trial: Trial,
  target: CalibrationTarget,
): ReductionDocument {
  checkArgument("reductionDocument", "calibration", calibration, object);
  checkArgument("reductionDocument", "trial", trial, trialCheck);
  checkArgument("reductionDocument", "target", target, targetCheck, "INVALID_OPTION");
  const { unreduced, pictures, trials, backend, objective, measure } = calibration;
  const { gmacs, latencyMs, divergence, disagreements } = trial;
  return {
    ...trial.reduction,
    model: calibration.model,
    calibration: {
      target,
      pictures,
      trials: trials.length,
      backend,
      objective,
      measure,
      gmacs: { unreduced: unreduced.gmacs, reduced: gmacs },
      latencyMs: { unreduced: unreduced.latencyMs, reduced: latencyMs },
      divergence,
      disagreement: { pictures: disagreements, interval95: disagreementInterval(trial) },
    },
  };
}

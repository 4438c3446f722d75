/** The reduction that a checkpoint runs with: the caller's settings, completed by the checkpoint's. */
import {
  defaultReduction,
  mergeReduction,
  PptError,
  publishedReduction,
  type ReductionConfig,
  reductionPreset,
} from "@ppt-vit/core";
import { modelFingerprint } from "@ppt-vit/core/loading";
import { type Checkpoint, requireCheckpoint } from "./checkpoint.js";

/**
 * Settings, or some fields of them: the others come from the checkpoint's `reduction.json`, else from `defaultReduction`, or from the
 * published settings where the caller says in which blocks or how many tokens to remove;
 * the name of published settings (`deit-small-paper`); or `false` for the unreduced model.
 */
export type ReductionSetting = Partial<ReductionConfig> | string | false | undefined;

/**
 * The settings that are applied; undefined for the unreduced model.
 * @throws PptError INVALID_REDUCTION, also if the settings were calibrated for another checkpoint
 */
export function resolveReduction(checkpoint: Checkpoint, given: ReductionSetting): ReductionConfig | undefined {
  requireCheckpoint("resolveReduction", checkpoint);
  if (given === false) return undefined;
  const reduction =
    typeof given === "string"
      ? reductionPreset(given)
      : mergeReduction(checkpoint.reduction ?? baseFor(checkpoint, given ?? {}), given ?? {});
  if (reduction.model) requireModel(checkpoint, reduction.model);
  return reduction;
}

/** A schedule of the caller's own keeps the published threshold: the scaled one goes with the scaled counts. */
const baseFor = ({ config }: Checkpoint, { layers, tokensRemoved }: Partial<ReductionConfig>): ReductionConfig =>
  layers === undefined && tokensRemoved === undefined ? defaultReduction(config) : publishedReduction;

function requireModel({ name, config, weights }: Checkpoint, model: NonNullable<ReductionConfig["model"]>): void {
  const fingerprint = modelFingerprint(config, weights);
  if (fingerprint !== model.fingerprint)
    throw new PptError(
      "INVALID_REDUCTION",
      `reduction: made for '${model.name}' (${model.fingerprint}), but this model is '${name}' (${fingerprint}): calibrate for it, or remove 'model' from the settings to use them all the same`,
    );
}

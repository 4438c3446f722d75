/** The reduction of one model, from what its user wrote and its configuration. */

import { requireConfig } from "../arguments.js";
import { scaledReduction } from "../reduction/presets.js";
import { planReduction, type ResolvedReduction } from "../reduction/schedule.js";
import type { ReductionConfig } from "../reduction/settings.js";
import { patchCount, specialTokens, tokenCount, type VisionModelConfig } from "./config.js";

/**
 * What `reduction` means for this model; undefined is the unreduced one. A reduction that is resolved for it already is
 * returned as it is.
 * @throws PptError INVALID_REDUCTION
 */
export const resolveFor = (
  config: VisionModelConfig,
  reduction: ReductionConfig | ResolvedReduction | undefined,
): ResolvedReduction =>
  planReduction(reduction, {
    layers: config.layers,
    tokens: tokenCount(config),
    protectedTokens: specialTokens(config),
    classToken: config.classToken !== false,
  });

/**
 * The settings of a model that brings none: `publishedReduction` where it has 196 patches, as at 224 pixels in patches of 16. For
 * other numbers of patches the counts are scaled with them, and the threshold with their inverse square.
 * @throws PptError INVALID_INPUT
 */
export function defaultReduction(config: VisionModelConfig): ReductionConfig {
  requireConfig("defaultReduction", config);
  return scaledReduction(patchCount(config));
}

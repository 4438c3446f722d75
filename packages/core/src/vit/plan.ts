/** The reduction of one model, from what its user wrote and its configuration. */
import { planReduction, type ResolvedReduction } from "../reduction/schedule.js";
import type { ReductionConfig } from "../reduction/settings.js";
import { specialTokens, tokenCount, type VisionModelConfig } from "./config.js";

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

/** Published settings by name. */
import { PptError } from "../errors.js";
import { show } from "../show.js";
import type { ReductionConfig } from "./settings.js";

/** The paper's off-the-shelf setting for DeiT-Ti, DeiT-S and DeiT-B at 224 px (section 4.1). */
export const publishedReduction: ReductionConfig = { layers: [3, 6, 9], tokensRemoved: 50, threshold: 7e-5 };

/**
 * Settings that were published with all their numbers. For LV-ViT and T2T-ViT the paper reports accuracy and cost, but not
 * the blocks and counts, so there is nothing to name here.
 */
const presets: ReadonlyMap<string, ReductionConfig> = new Map([
  ["deit-tiny-paper", publishedReduction],
  ["deit-small-paper", publishedReduction],
  ["deit-base-paper", publishedReduction],
  // The threshold of the authors' fine-tuning command, for checkpoints fine-tuned with it.
  ["deit-small-paper-fine-tuned", { ...publishedReduction, threshold: 6e-5 }],
]);

export const reductionPresetNames: readonly string[] = [...presets.keys()];

/** Published settings by name. @throws PptError INVALID_REDUCTION where there are none of that name */
export function reductionPreset(name: string): ReductionConfig {
  const preset = presets.get(name);
  if (!preset)
    throw new PptError(
      "INVALID_REDUCTION",
      `reduction: no preset is called ${show(name)}; there are ${reductionPresetNames.join(", ")}`,
    );
  return preset;
}

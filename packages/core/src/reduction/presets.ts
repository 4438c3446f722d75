/** Published reduction settings by name. */
import { PptError } from "../errors.js";
import { show } from "../show.js";
import type { ReductionConfig } from "./settings.js";

/** The paper's settings for DeiT-Ti, DeiT-S and DeiT-B at 224 px without fine-tuning (section 4.1). */
const paper = { layers: [3, 6, 9], tokensRemoved: 50, threshold: 7e-5 } as const;
export const publishedReduction: ReductionConfig = paper;

/** Patches of the models that the paper's settings were found for: 14 x 14. */
const paperPatches = 196;

/**
 * The paper's settings for a model of so many patches: they remove the same part of the tokens, and the same images are pruned.
 * Scores sum to 1, so their variance falls with the square of the number of tokens, and the threshold with it.
 */
export function scaledReduction(patches: number): ReductionConfig {
  if (patches === paperPatches) return publishedReduction;
  const { layers, tokensRemoved, threshold } = paper;
  const scale = patches / paperPatches;
  // Rounded to three digits, to be read by people.
  const scaled = Number((threshold / scale ** 2).toPrecision(3));
  return { layers, tokensRemoved: Math.round(tokensRemoved * scale), threshold: scaled };
}

/**
 * Settings that were published with all their numbers. LV-ViT and T2T-ViT are missing, because the paper reports their
 * accuracy and cost but not the blocks and counts.
 */
const presets: ReadonlyMap<string, ReductionConfig> = new Map([
  ["deit-tiny-paper", publishedReduction],
  ["deit-small-paper", publishedReduction],
  ["deit-base-paper", publishedReduction],
  // The threshold of the authors' fine-tuning command, for checkpoints fine-tuned with it.
  ["deit-small-paper-fine-tuned", { ...publishedReduction, threshold: 6e-5 }],
]);

/** The names that `reductionPreset` takes. */
export const reductionPresetNames: readonly string[] = [...presets.keys()];

/** The published settings called `name`. @throws PptError INVALID_REDUCTION if there are none */
export function reductionPreset(name: string): ReductionConfig {
  const preset = presets.get(name);
  if (!preset)
    throw new PptError(
      "INVALID_REDUCTION",
      `reduction: no preset is called ${show(name)}; there are ${reductionPresetNames.join(", ")}`,
    );
  return preset;
}

import { requireConfig, requireWeights } from "../arguments.js";
import type { VisionModelConfig } from "./config.js";
import { arePlainNames, isPlainConfig, loadOtherModels } from "./model-code.js";
import type { WeightSource } from "./stored-names.js";

/**
 * Loads what a model needs beyond the code of plain ViTs, so that functions which answer at once find it.
 * @throws PptError INVALID_INPUT; DOWNLOAD_FAILED if the code cannot be loaded
 */
export async function loadModelCode(config: VisionModelConfig, weights: WeightSource): Promise<void> {
  requireConfig("loadModelCode", config);
  requireWeights("loadModelCode", weights);
  if (!isPlainConfig(config) || !arePlainNames(weights.names)) await loadOtherModels();
}

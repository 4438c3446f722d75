/** Reads the `config.json` of any supported family. */
import type { VisionModelConfig } from "./config.js";
import { knowOtherModels } from "./model-code.js";
import * as otherModels from "./other-models.js";
import { type ParseOptions, readModelConfig } from "./read-config.js";
import { readerOf } from "./readers.js";
import type { WeightSource } from "./stored-names.js";

/**
 * Reads a `config.json`. Its `model_type` (Hugging Face) or `architecture` (timm) tells the family. A file with neither is
 * read as a ViT's.
 * `weights` decide which heads the model has. Without them the file's `architectures` decides, but that field is missing or
 * wrong in many published checkpoints.
 * @throws PptError INVALID_CONFIG; INVALID_WEIGHTS if two tensors of `weights` have the same name once prefixes are removed
 */
export function parseModelConfig(json: unknown, weights?: WeightSource, options?: ParseOptions): VisionModelConfig {
  knowOtherModels(otherModels);
  return readModelConfig(readerOf, json, weights, options);
}

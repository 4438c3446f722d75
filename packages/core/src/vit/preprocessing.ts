/** How a checkpoint's pictures are prepared, for every family. */
import type { ImageProcessorConfig } from "../io/processor-config.js";
import { knowOtherModels } from "./model-code.js";
import * as otherModels from "./other-models.js";
import {
  type ProcessorFiles,
  type ProcessorSurroundings,
  readProcessor,
  readProcessorFiles,
  readProcessorInConfig,
} from "./read-processor.js";
import { readerOf } from "./readers.js";

/**
 * Preprocessing, found as the checkpoint's own library finds it. timm reads `config.json` and no other file. transformers
 * reads `image_processor` of `processor_config.json`, else `preprocessor_config.json`. Undefined if there is neither.
 * @throws PptError INVALID_CONFIG
 */
export function parseProcessorFiles(files: ProcessorFiles): ImageProcessorConfig | undefined {
  knowOtherModels(otherModels);
  return readProcessorFiles(readerOf, files);
}

/**
 * Preprocessing that `config.json` itself describes, as timm's does. Undefined if it says nothing about pictures.
 * @throws PptError INVALID_CONFIG
 */
export function preprocessingInConfig(json: unknown): ImageProcessorConfig | undefined {
  knowOtherModels(otherModels);
  return readProcessorInConfig(readerOf, json);
}

/**
 * Reads a `preprocessor_config.json`, or the `image_processor` of a `processor_config.json`. Fields that are missing or null
 * have the defaults of the processor that the file names. If it names none, they have those of the model's type, and if that
 * is unknown too, those of a ViT. A step (`do_resize`, ...) that is null is off.
 * @throws PptError INVALID_CONFIG, also for unknown processors and for fields that change pixels in an unknown way
 */
export function parseImageProcessorConfig(json: unknown, surroundings?: ProcessorSurroundings): ImageProcessorConfig {
  knowOtherModels(otherModels);
  return readProcessor(json, surroundings);
}

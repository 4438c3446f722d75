/** How a checkpoint's pictures are prepared, for every family. */
import type { ImageProcessorConfig } from "../io/processor-config.js";
import { type ProcessorFiles, readProcessorFiles, readProcessorInConfig } from "./read-processor.js";
import { readerOf } from "./readers.js";

/**
 * Preprocessing, found as the checkpoint's own library finds it. timm reads `config.json` and no other file. transformers
 * reads `image_processor` of `processor_config.json`, else `preprocessor_config.json`. Undefined if there is neither.
 * @throws PptError INVALID_CONFIG
 */
export const parseProcessorFiles = (files: ProcessorFiles): ImageProcessorConfig | undefined =>
  readProcessorFiles(readerOf, files);

/**
 * Preprocessing that `config.json` itself describes, as timm's does. Undefined if it says nothing about pictures.
 * @throws PptError INVALID_CONFIG
 */
export const preprocessingInConfig = (json: unknown): ImageProcessorConfig | undefined =>
  readProcessorInConfig(readerOf, json);

export { parseImageProcessorConfig } from "./read-processor.js";

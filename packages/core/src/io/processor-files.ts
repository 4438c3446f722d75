/** Which of a checkpoint's files says how pictures are prepared. */
import { type ImageProcessorConfig, parseImageProcessorConfig } from "./image-processor.js";
import { timmDefaultProcessor, timmImageProcessor } from "./timm-processor.js";

/** Parsed JSON of the files; undefined where the checkpoint lacks them. */
export interface ProcessorFiles {
  /** `config.json`: its `model_type` decides what the others leave open, and timm's holds all there is. */
  readonly config: unknown;
  /** `processor_config.json`: since transformers 5 it may hold the image processor. */
  readonly processor?: unknown;
  /** `preprocessor_config.json`. */
  readonly preprocessor?: unknown;
}

/**
 * Preprocessing as the checkpoint's own library finds it. timm's stands in its `config.json`, whatever lies beside that.
 * transformers takes `image_processor` of `processor_config.json`, else `preprocessor_config.json`. Undefined where there is
 * neither.
 * @throws PptError INVALID_CONFIG
 */
export function parseProcessorFiles({
  config,
  processor,
  preprocessor,
}: ProcessorFiles): ImageProcessorConfig | undefined {
  const ofTimm = timmImageProcessor(config);
  if (ofTimm) return ofTimm;
  const found = fieldOf(processor, "image_processor") ?? preprocessor ?? undefined;
  if (found === undefined) return timmDefaultProcessor(config);
  return parseImageProcessorConfig(found, {
    type: fieldOf(config, "image_processor_type"),
    modelType: fieldOf(config, "model_type"),
  });
}

/** A field of an object; undefined where it is none, or null. */
const fieldOf = (json: unknown, name: string): unknown =>
  (typeof json === "object" && json !== null ? (json as Readonly<Record<string, unknown>>)[name] : undefined) ??
  undefined;

/** Which of a checkpoint's files says how pictures are prepared. */
import { type ImageProcessorConfig, parseImageProcessorConfig } from "./image-processor.js";
import { timmImageProcessor } from "./timm-processor.js";

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
 * Preprocessing from the first of these that there is, as transformers looks: `image_processor` of
 * `processor_config.json`, `preprocessor_config.json`, `pretrained_cfg` of timm's `config.json`. Undefined where none is there.
 * @throws PptError INVALID_CONFIG
 */
export function parseProcessorFiles({
  config,
  processor,
  preprocessor,
}: ProcessorFiles): ImageProcessorConfig | undefined {
  const found = fieldOf(processor, "image_processor") ?? preprocessor ?? undefined;
  // The wrapper's own file only repeats what config.json says.
  if (found === undefined || fieldOf(found, "image_processor_type") === "TimmWrapperImageProcessor")
    return timmImageProcessor(config);
  return parseImageProcessorConfig(found, { modelType: fieldOf(config, "model_type") });
}

/** A field of an object; undefined where it is none, or null. */
const fieldOf = (json: unknown, name: string): unknown =>
  (typeof json === "object" && json !== null ? (json as Readonly<Record<string, unknown>>)[name] : undefined) ??
  undefined;

/** How a checkpoint's pictures are prepared, as its files say it, and its family where they do not. */

import { type ImageProcessorConfig, readImageProcessor } from "../io/processor-config.js";
import { processorByModelType, processorDefaults } from "../io/processor-defaults.js";
import { requireReadable } from "../options.js";
import { fieldsOf } from "./fields.js";
import { findFamily, modelTypeOf } from "./find-family.js";

/** What a `preprocessor_config.json` may leave to others. */
export interface ProcessorSurroundings {
  /** `image_processor_type` of the checkpoint's `config.json`, taken where the file names none. */
  readonly type?: unknown;
  /** `model_type` of the checkpoint's `config.json`, whose processor is taken where neither file names one. */
  readonly modelType?: unknown;
}

/**
 * Reads a `preprocessor_config.json`, or what a `processor_config.json` holds as `image_processor`. Fields that are missing
 * or null have the defaults of the processor that the file names, else of that which the model's type has. Without either it
 * is a ViT's. A step (`do_resize`, ...) that is null is off.
 * @throws PptError INVALID_CONFIG, also for a processor and for fields that change pixels in ways that are not known here
 */
export function parseImageProcessorConfig(
  json: unknown,
  { type, modelType }: ProcessorSurroundings = {},
): ImageProcessorConfig {
  requireReadable("parseImageProcessorConfig", json, "INVALID_CONFIG");
  return readImageProcessor(json, type, preprocessingOfType(modelType));
}

/** Our families say it themselves; for all other types transformers' table does, and a ViT's processor is the rest. */
function preprocessingOfType(type: unknown): Readonly<Record<string, unknown>> {
  const listed = typeof type === "string" && Object.hasOwn(processorByModelType, type) && processorByModelType[type];
  return modelTypeOf(type)?.preprocessing ?? processorDefaults[listed || "ViT"]!;
}

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
  const inConfig = preprocessingInConfig(config);
  if (inConfig) return inConfig;
  const found = fieldOf(processor, "image_processor") ?? preprocessor ?? undefined;
  if (found === undefined) return findFamily(fieldsOf(config))?.preprocessingWithoutFile?.();
  return parseImageProcessorConfig(found, {
    type: fieldOf(config, "image_processor_type"),
    modelType: fieldOf(config, "model_type"),
  });
}

/**
 * Preprocessing that stands in a `config.json`, as timm writes it; undefined where the file says nothing of pictures.
 * @throws PptError INVALID_CONFIG
 */
export function preprocessingInConfig(json: unknown): ImageProcessorConfig | undefined {
  const fields = fieldsOf(json);
  return findFamily(fields)?.preprocessingOf?.(fields);
}

/** A field of an object; undefined where it is none, or null. */
const fieldOf = (json: unknown, name: string): unknown =>
  (typeof json === "object" && json !== null ? (json as Readonly<Record<string, unknown>>)[name] : undefined) ??
  undefined;

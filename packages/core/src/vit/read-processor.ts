/** How a checkpoint's pictures are prepared: its files say it, and its family says what they leave out. */

import { type ImageProcessorConfig, readImageProcessor } from "../io/processor-config.js";
import { processorByModelType, processorDefaults } from "../io/processor-defaults.js";
import { requireReadable } from "../options.js";
import type { AnyFamily, FamilyReader } from "./family.js";
import { fieldsOf } from "./fields.js";
import { findFamily, modelTypeOf } from "./find-family.js";

/** What other files say about preprocessing. */
export interface ProcessorSurroundings {
  /** `image_processor_type` of the checkpoint's `config.json`. Used if the file itself names no processor. */
  readonly type?: unknown;
  /** `model_type` of the checkpoint's `config.json`. Its processor is used if neither file names one. */
  readonly modelType?: unknown;
}

/** `parseImageProcessorConfig` with the families whose code is here. */
export function readProcessor(json: unknown, { type, modelType }: ProcessorSurroundings = {}): ImageProcessorConfig {
  requireReadable("parseImageProcessorConfig", json, "INVALID_CONFIG");
  return readImageProcessor(json, type, preprocessingOfType(modelType));
}

/** From the type's family; else from the table of transformers, which has more types than our families; else a ViT's. */
function preprocessingOfType(type: unknown): Readonly<Record<string, unknown>> {
  const listed = typeof type === "string" && Object.hasOwn(processorByModelType, type) && processorByModelType[type];
  return modelTypeOf(type)?.preprocessing ?? processorDefaults[listed || "ViT"]!;
}

/** Parsed JSON of the files. Undefined if the checkpoint lacks the file. */
export interface ProcessorFiles {
  /** `config.json`: its `model_type` decides what the other files leave out. timm's file holds the preprocessing itself. */
  readonly config: unknown;
  /** `processor_config.json`: since transformers 5 it may hold the image processor. */
  readonly processor?: unknown;
  /** `preprocessor_config.json`. */
  readonly preprocessor?: unknown;
}

/** `parseProcessorFiles` with the readers of families. */
export function readProcessorFiles(
  readerOf: ReaderOf,
  { config, processor, preprocessor }: ProcessorFiles,
): ImageProcessorConfig | undefined {
  const inConfig = readProcessorInConfig(readerOf, config);
  if (inConfig) return inConfig;
  const found = fieldOf(processor, "image_processor") ?? preprocessor ?? undefined;
  if (found === undefined) return readerFor(readerOf, config)?.preprocessingWithoutFile?.();
  return readProcessor(found, {
    type: fieldOf(config, "image_processor_type"),
    modelType: fieldOf(config, "model_type"),
  });
}

/** `preprocessingInConfig` with the readers of families. */
export const readProcessorInConfig = (readerOf: ReaderOf, json: unknown): ImageProcessorConfig | undefined =>
  readerFor(readerOf, json)?.preprocessingOf?.(fieldsOf(json));

type ReaderOf = (family: AnyFamily) => FamilyReader;

function readerFor(readerOf: ReaderOf, json: unknown): FamilyReader | undefined {
  const family = findFamily(fieldsOf(json));
  return family && readerOf(family);
}

/** A field of an object. Undefined if the field is null or missing, or if `json` is not an object. */
const fieldOf = (json: unknown, name: string): unknown =>
  (typeof json === "object" && json !== null ? (json as Readonly<Record<string, unknown>>)[name] : undefined) ??
  undefined;

/** Reads a checkpoint's files with no more code than its family needs. */
import type { ImageProcessorConfig } from "../io/processor-config.js";
import { loadedCode } from "../lazy-code.js";
import { arrayOf, checkArgument, requireReadable } from "../options.js";
import type { VisionModelConfig } from "./config.js";
import type { AnyFamily, FamilyReader } from "./family.js";
import { fieldsOf } from "./fields.js";
import { findFamily } from "./find-family.js";
import { arePlainNames, isPlainType, loadOtherModels } from "./model-code.js";
import { type ParseOptions, readModelConfig } from "./read-config.js";
import { type ProcessorFiles, readProcessorFiles } from "./read-processor.js";
import type { WeightSource } from "./stored-names.js";

const names = arrayOf("names of tensors", (name) => typeof name === "string");

/** Reads the files of one checkpoint. */
export interface ConfigReader {
  /** As `parseModelConfig` of the same `config.json`. @throws PptError INVALID_CONFIG, INVALID_WEIGHTS */
  parseModelConfig(weights?: WeightSource, options?: ParseOptions): VisionModelConfig;
  /** As `parseProcessorFiles` with the same `config.json`. @throws PptError INVALID_CONFIG */
  parseProcessorFiles(files: Omit<ProcessorFiles, "config">): ImageProcessorConfig | undefined;
}

/**
 * Loads what reads a `config.json`. `parseModelConfig` answers at once, and for that has the code of every family; a bundle that uses
 * only this one leaves all but a plain ViT's in files of their own.
 * @param tensors the names of the checkpoint's tensors, which tell whether plain names suffice; an empty list if the reader will see
 * no weights. Left out: any weights can be read.
 * @throws PptError INVALID_CONFIG if `json` is not an object; DOWNLOAD_FAILED if code cannot be loaded
 */
export async function loadConfigReader(json: unknown, tensors?: readonly string[]): Promise<ConfigReader> {
  requireReadable("loadConfigReader", json, "INVALID_CONFIG");
  if (tensors !== undefined) checkArgument("loadConfigReader", "tensors", tensors, names);
  const plain = tensors && (tensors.length === 0 || arePlainNames(tensors));
  if (!plain || !isPlainType(fieldsOf(json).value("model_type"))) await loadOtherModels();
  const family = findFamily(fieldsOf(json));
  const reader = family && (await readerOf(family));
  // Where no family is found, parsing says so before it asks for a reader.
  const known = () => reader!;
  return {
    parseModelConfig: (weights, options) => readModelConfig(known, json, weights, options),
    parseProcessorFiles: (files) => readProcessorFiles(known, { ...files, config: json }),
  };
}

const readerOf = async (family: AnyFamily): Promise<FamilyReader> =>
  "loadReader" in family ? loadedCode(family.loadReader()) : family;

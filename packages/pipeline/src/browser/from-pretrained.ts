/** The pipeline in pages and workers. */
import type { RgbImage } from "@ppt-vit/core";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { type LoadOptions, loadOptions } from "../checkpoint/options.js";
import { type CheckpointNeeds, parseCheckpoint } from "../checkpoint/parse.js";
import { type DecodeOptions, decodeOptions } from "../pictures/options.js";
import { pretrainedOptions } from "../tasks/checked-options.js";
import { openModel, type ReadCheckpoint } from "../tasks/open.js";
import type { DefaultTask, ModelOf, OptionsOf, TaskName } from "../tasks/registry.js";
import { type BrowserImageInput, decodePicture, fetchPicture, type LocalPicture, nameOf } from "./decode.js";
import { type BrowserCheckpointSource, checkpointFiles, type PortableSource } from "./files.js";
import { requirePicture, requireSource } from "./inputs.js";

/**
 * Loads a checkpoint with token reduction from the Hub (`org/name`), an address, a dropped folder or a directory handle.
 * What the model gives depends on `task`: labels (the default), or embeddings.
 * @throws PptError NOT_FOUND, INVALID_OPTION, INVALID_CONFIG, INVALID_WEIGHTS, INVALID_SAFETENSORS, INVALID_REDUCTION,
 * UNKNOWN_BACKEND, BACKEND_UNAVAILABLE, VERIFICATION_FAILED; for models of the Hub also ACCESS_DENIED, DOWNLOAD_FAILED
 */
export async function fromPretrained<Name extends TaskName = DefaultTask>(
  source: BrowserCheckpointSource | PortableSource,
  given?: OptionsOf<Name>,
): Promise<ModelOf<Name, BrowserImageInput>> {
  const options = pretrainedOptions(given);
  requireSource("fromPretrained", source);
  return openPretrained((loading, needs) => readCheckpoint(source, loading, needs), options);
}

/** A model of what `read` gives, for pictures of browsers. */
export async function openPretrained<Name extends TaskName>(
  read: ReadCheckpoint,
  options: OptionsOf<Name>,
): Promise<ModelOf<Name, BrowserImageInput>> {
  const loadPictures = async () => ({ nameOf, fetch: readPicture, decode: decodePicture });
  return openModel<Name, BrowserImageInput, LocalPicture>(read, options, loadPictures);
}

/** @throws PptError NOT_FOUND, INVALID_CONFIG, INVALID_REDUCTION, INVALID_SAFETENSORS, INVALID_OPTION */
export async function readCheckpoint(
  source: BrowserCheckpointSource | PortableSource,
  given?: LoadOptions,
  needs?: CheckpointNeeds,
): Promise<Checkpoint> {
  const options = loadOptions("readCheckpoint", given);
  requireSource("readCheckpoint", source);
  return parseCheckpoint(await checkpointFiles(source, options), options, needs);
}

/**
 * A picture as 8-bit RGB. EXIF orientation is applied; transparency and colour profiles are dropped.
 * @throws PptError NOT_FOUND; INVALID_IMAGE for empty, corrupt, oversized, animated or unsupported pictures
 */
export async function decodeImage(input: BrowserImageInput, given: DecodeOptions = {}): Promise<RgbImage> {
  const options = decodeOptions(given);
  return decodePicture(await readPicture(input, options), nameOf(input), options);
}

/** Brings into memory what `input` names. @throws PptError INVALID_INPUT, NOT_FOUND, INVALID_IMAGE */
async function readPicture(input: BrowserImageInput, options: DecodeOptions): Promise<LocalPicture> {
  requirePicture(input);
  return fetchPicture(input, options);
}

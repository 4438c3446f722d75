/** The pipeline in pages and workers. */
import type { RgbImage } from "@ppt-vit/core";
import { type Checkpoint, type CheckpointNeeds, type LoadOptions, parseCheckpoint } from "../checkpoint/checkpoint.js";
import {
  decodeOptions,
  loadOptions,
  pretrainedOptions,
  requireBrowserPicture,
  requireBrowserSource,
} from "../options.js";
import type { DecodeOptions } from "../pictures/formats.js";
import { createClassifier, type ImageClassifier as OfInput, type PretrainedOptions } from "../tasks/classifier.js";
import {
  createFeatureExtractor,
  type DenseFeatures as Dense,
  type Embedding as Embedded,
  type FeatureExtractor as Extractor,
  type FeatureExtractorOptions,
} from "../tasks/feature-extractor.js";
import type { ReadCheckpoint } from "../tasks/load.js";
import type { PictureFailure as Failure, Classification as Labelled } from "../tasks/result.js";
import { type BrowserImageInput, decodePicture, fetchPicture, type LocalPicture, nameOf } from "./decode.js";
import { type BrowserCheckpointSource, checkpointFiles, type PortableSource } from "./files.js";

export type Classification = Labelled<BrowserImageInput>;
export type Embedding = Embedded<BrowserImageInput>;
export type DenseFeatures = Dense<BrowserImageInput>;
export type PictureFailure = Failure<BrowserImageInput>;
export type ImageClassifier = OfInput<BrowserImageInput>;
export type FeatureExtractor = Extractor<BrowserImageInput>;

/**
 * Loads a checkpoint with token reduction from the Hub (`org/name`), an address, a dropped folder or a directory handle.
 * @throws PptError NOT_FOUND, INVALID_OPTION, INVALID_CONFIG, INVALID_WEIGHTS, INVALID_SAFETENSORS, INVALID_REDUCTION,
 * UNKNOWN_BACKEND, BACKEND_UNAVAILABLE, VERIFICATION_FAILED; for models of the Hub also ACCESS_DENIED, DOWNLOAD_FAILED
 */
export function fromPretrained(
  source: BrowserCheckpointSource | PortableSource,
  options: FeatureExtractorOptions,
): Promise<FeatureExtractor>;
export function fromPretrained(
  source: BrowserCheckpointSource | PortableSource,
  options?: PretrainedOptions,
): Promise<ImageClassifier>;
export function fromPretrained(
  source: BrowserCheckpointSource | PortableSource,
  options?: PretrainedOptions | FeatureExtractorOptions,
): Promise<ImageClassifier | FeatureExtractor>;
export async function fromPretrained(
  source: BrowserCheckpointSource | PortableSource,
  given: PretrainedOptions | FeatureExtractorOptions = {},
): Promise<ImageClassifier | FeatureExtractor> {
  const options = pretrainedOptions(given);
  requireBrowserSource("fromPretrained", source);
  const read: ReadCheckpoint = (loading, needs) => readCheckpoint(source, loading, needs);
  const loadPictures = async () => ({ nameOf, fetch: readPicture, decode: decodePicture });
  return options.task === "image-feature-extraction"
    ? createFeatureExtractor<BrowserImageInput, LocalPicture>(read, options, loadPictures)
    : createClassifier<BrowserImageInput, LocalPicture>(read, options, loadPictures);
}

/** @throws PptError NOT_FOUND, INVALID_CONFIG, INVALID_REDUCTION, INVALID_SAFETENSORS, INVALID_OPTION */
export async function readCheckpoint(
  source: BrowserCheckpointSource | PortableSource,
  given?: LoadOptions,
  needs?: CheckpointNeeds,
): Promise<Checkpoint> {
  const options = loadOptions("readCheckpoint", given);
  requireBrowserSource("readCheckpoint", source);
  return parseCheckpoint(checkpointFiles(source, options), options, needs);
}

/**
 * A picture as 8-bit RGB. EXIF orientation is applied; transparency and colour profiles are dropped.
 * @throws PptError NOT_FOUND; INVALID_IMAGE for empty, corrupt, oversized, animated or unsupported pictures
 */
export async function decodeImage(input: BrowserImageInput, given: DecodeOptions = {}): Promise<RgbImage> {
  const options = decodeOptions(given);
  requireBrowserPicture(input);
  return decodePicture(await fetchPicture(input, options), nameOf(input), options);
}

/** What one of many inputs names. @throws PptError INVALID_INPUT, NOT_FOUND, INVALID_IMAGE */
async function readPicture(input: BrowserImageInput, options: DecodeOptions): Promise<LocalPicture> {
  requireBrowserPicture(input);
  return fetchPicture(input, options);
}

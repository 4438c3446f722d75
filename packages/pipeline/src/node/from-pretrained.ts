/** The pipeline in Node: checkpoints in folders, picture files decoded by sharp. */

import { pretrainedOptions, requireNodeSource } from "../options.js";
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
import { type EncodedPicture, type ImageInput, loadDecoder, nameOf, readPicture } from "./decode.js";
import { type CheckpointSource, readCheckpoint } from "./folder.js";
import { withReductionRead } from "./reduction-file.js";

export type Classification = Labelled<ImageInput>;
export type Embedding = Embedded<ImageInput>;
export type DenseFeatures = Dense<ImageInput>;
export type PictureFailure = Failure<ImageInput>;
export type ImageClassifier = OfInput<ImageInput>;
export type FeatureExtractor = Extractor<ImageInput>;

/**
 * Loads a checkpoint with token reduction: `demo`, a folder (`./deit-small`) or a model of the Hub
 * (`facebook/deit-small-patch16-224`), with `config.json`, `preprocessor_config.json` and `model.safetensors`.
 * @throws PptError NOT_FOUND, INVALID_CONFIG, INVALID_WEIGHTS, INVALID_SAFETENSORS, INVALID_REDUCTION, UNKNOWN_BACKEND,
 * BACKEND_UNAVAILABLE, VERIFICATION_FAILED; for models of the Hub also ACCESS_DENIED, DOWNLOAD_FAILED, WRITE_FAILED
 */
export function fromPretrained(source: CheckpointSource, options: FeatureExtractorOptions): Promise<FeatureExtractor>;
export function fromPretrained(source: CheckpointSource, options?: PretrainedOptions): Promise<ImageClassifier>;
export async function fromPretrained(
  source: CheckpointSource,
  given: PretrainedOptions | FeatureExtractorOptions = {},
): Promise<ImageClassifier | FeatureExtractor> {
  const options = pretrainedOptions(given);
  requireNodeSource("fromPretrained", source);
  const read: ReadCheckpoint = (loading, needs) => readCheckpoint(source, loading, needs);
  const loadPictures = async () => ({ nameOf, fetch: readPicture, decode: await loadDecoder() });
  return options.task === "image-feature-extraction"
    ? createFeatureExtractor<ImageInput, EncodedPicture>(read, withReductionRead(options), loadPictures)
    : createClassifier<ImageInput, EncodedPicture>(read, withReductionRead(options), loadPictures);
}

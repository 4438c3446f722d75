/** The pipeline in Node: checkpoints in folders, picture files decoded by sharp. */
import { createClassifier, type ImageClassifier as OfInput, type PretrainedOptions } from "./classifier.js";
import { type ImageInput, loadDecoder, nameOf, readImage } from "./decode.js";
import { type CheckpointSource, readCheckpoint } from "./folder.js";
import type { PictureFailure as Failure, Classification as Result } from "./result.js";

export type Classification = Result<ImageInput>;
export type PictureFailure = Failure<ImageInput>;
export type ImageClassifier = OfInput<ImageInput>;

/**
 * Loads a checkpoint with token reduction: `demo`, or a folder (`./deit-small`) with `config.json`,
 * `preprocessor_config.json` and `model.safetensors`.
 * @throws PptError NOT_FOUND, INVALID_CONFIG, INVALID_WEIGHTS, INVALID_SAFETENSORS, INVALID_REDUCTION, UNKNOWN_BACKEND,
 * BACKEND_UNAVAILABLE, VERIFICATION_FAILED
 */
export function fromPretrained(source: CheckpointSource, options: PretrainedOptions = {}): Promise<ImageClassifier> {
  return createClassifier<ImageInput, Uint8Array>(
    (loading) => readCheckpoint(source, loading),
    options,
    async () => ({ nameOf, fetch: readImage, decode: await loadDecoder() }),
  );
}

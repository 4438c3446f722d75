/** The pipeline in Node: checkpoints in folders and on the Hub, picture files decoded by sharp. */
import { pretrainedOptions } from "../tasks/checked-options.js";
import { openModel, type ReadCheckpoint } from "../tasks/open.js";
import type { DefaultTask, ModelOf, OptionsOf, TaskName } from "../tasks/registry.js";
import { type EncodedPicture, loadDecoder, nameOf, readPicture } from "./decode.js";
import { readCheckpoint } from "./folder.js";
import { type CheckpointSource, type ImageInput, requireSource } from "./inputs.js";
import { withReductionRead } from "./reduction-file.js";

/**
 * Loads a checkpoint with token reduction: `demo`, a folder (`./deit-small`) or a model of the Hub
 * (`facebook/deit-small-patch16-224`), with `config.json`, `preprocessor_config.json` and `model.safetensors`. What the
 * model gives depends on `task`: labels (the default), or embeddings.
 * @throws PptError NOT_FOUND, INVALID_CONFIG, INVALID_WEIGHTS, INVALID_SAFETENSORS, INVALID_REDUCTION, UNKNOWN_BACKEND,
 * BACKEND_UNAVAILABLE, VERIFICATION_FAILED; for models of the Hub also ACCESS_DENIED, DOWNLOAD_FAILED, WRITE_FAILED
 */
export async function fromPretrained<Name extends TaskName = DefaultTask>(
  source: CheckpointSource,
  given?: OptionsOf<Name>,
): Promise<ModelOf<Name, ImageInput>> {
  const options = pretrainedOptions(given);
  requireSource("fromPretrained", source);
  const read: ReadCheckpoint = (loading, needs) => readCheckpoint(source, loading, needs);
  const loadPictures = async () => ({ nameOf, fetch: readPicture, decode: await loadDecoder() });
  return openModel<Name, ImageInput, EncodedPicture>(read, withReductionRead(options), loadPictures);
}

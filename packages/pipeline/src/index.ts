export { backendNames, createBackend } from "./backends.js";
export type { Checkpoint, CheckpointFiles, LoadOptions, ProgressInfo, ReadFileOptions } from "./checkpoint.js";
export type { ClassifyOptions, PretrainedOptions } from "./classifier.js";
export { decodeImage, type ImageInput } from "./decode.js";
export { type CheckpointSource, readCheckpoint } from "./folder.js";
export { type DecodeOptions, imageExtensions } from "./formats.js";
export { type Classification, fromPretrained, type ImageClassifier, type PictureFailure } from "./node.js";
export { type ImageStage, isFailure, type LabelProbability, topLabels } from "./result.js";
export {
  type BackendChoice,
  type CandidateReport,
  type SelectionCache,
  type SelectOptions,
  selectBackend,
} from "./select-backend.js";
export type { ModelVerification } from "./verify.js";

export { backendNames, createBackend } from "./backends.js";
export { type Checkpoint, readCheckpoint } from "./checkpoint.js";
export {
  type Classification,
  type ClassificationFailure,
  type ClassifyOptions,
  fromPretrained,
  type ImageClassifier,
  type ImageStage,
  isFailure,
  type LabelProbability,
  type PretrainedOptions,
  topLabels,
} from "./classifier.js";
export { type DecodeOptions, decodeImage, type ImageInput, imageExtensions } from "./decode.js";
export type { ModelVerification } from "./verify.js";

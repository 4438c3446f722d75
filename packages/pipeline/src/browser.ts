/** The pipeline in browsers: the same interface as in Node, with the pictures and folders that a page has. */
export { backendNames, createBackend } from "./backends/backends.js";
export {
  type BackendChoice,
  type CandidateReport,
  type SelectionCache,
  type SelectOptions,
  selectBackend,
} from "./backends/select.js";
export type {
  BrowserImageInput as ImageInput,
  Drawable,
} from "./browser/decode.js";
export type { BrowserCheckpointSource as CheckpointSource, NamedBlobs } from "./browser/files.js";
export {
  type Classification,
  type DenseFeatures,
  decodeImage,
  type Embedding,
  type FeatureExtractor,
  fromPretrained,
  type ImageClassifier,
  type PictureFailure,
  readCheckpoint,
} from "./browser/from-pretrained.js";
export { type ServeOptions, serveClassifiers } from "./browser/serve.js";
export {
  type ClassifierWorker,
  createClassifierWorker,
  type WorkerClassifierOptions,
  type WorkerExtractorOptions,
} from "./browser/worker.js";
export type {
  Checkpoint,
  CheckpointFiles,
  LoadOptions,
  ProgressInfo,
  ReadFileOptions,
} from "./checkpoint/checkpoint.js";
export type { ImageSizeOption } from "./checkpoint/resolution.js";
export type { ModelVerification } from "./checkpoint/verify.js";
export type { HubOptions } from "./hub/options.js";
export { type DecodeOptions, imageExtensions } from "./pictures/formats.js";
export { median, quantile } from "./statistics.js";
export type { ClassifyOptions, PretrainedOptions } from "./tasks/classifier.js";
export { type EmbedOptions, type FeatureExtractorOptions, type Pooling, poolings } from "./tasks/feature-extractor.js";
export {
  type ImageStage,
  isFailure,
  type LabelProbability,
  type LabelValue,
  showAnswer,
  topLabels,
} from "./tasks/result.js";
export { parseTextEmbeddings, type TextEmbeddings } from "./tasks/zero-shot.js";
export { outlinePath, type PatchGrid, prunedPatches, tokenGroups } from "./visualize/groups.js";
export { escapeMarkup } from "./visualize/markup.js";
export { type TokenPageOptions, tokenPage } from "./visualize/page.js";
export { type TokenPicture, type TokenSheetOptions, tokenSheet } from "./visualize/sheet.js";

/** The pipeline in browsers: the same interface as in Node, with the pictures and folders that a page has. */
export { createBackend } from "./backends/create.js";
export { isSoftwareGpu } from "./backends/platform.js";
export { backendNames, describeBackends, registerBackend } from "./backends/registry.js";
export {
  type BackendChoice,
  type CandidateReport,
  type SelectionCache,
  type SelectOptions,
  selectBackend,
} from "./backends/select.js";
export type { BrowserImageInput as ImageInput, Drawable } from "./browser/decode.js";
export type { BrowserCheckpointSource as CheckpointSource, NamedBlobs } from "./browser/files.js";
export { decodeImage, fromPretrained, readCheckpoint } from "./browser/from-pretrained.js";
export { type ServeOptions, serveClassifiers } from "./browser/serve.js";
export type {
  Classification,
  DenseFeatures,
  Embedding,
  FeatureExtractor,
  ImageClassifier,
  PictureFailure,
  PretrainedModel,
  WorkerClassifierOptions,
  WorkerExtractorOptions,
} from "./browser/types.js";
export { type ClassifierWorker, createClassifierWorker } from "./browser/worker.js";
export type { Checkpoint } from "./checkpoint/checkpoint.js";
export type { CheckpointFiles, ReadFileOptions } from "./checkpoint/files.js";
export type { LoadOptions, ProgressInfo } from "./checkpoint/options.js";
export type { ImageSizeOption } from "./checkpoint/resolution.js";
export { parseTextEmbeddings, type TextEmbeddings } from "./checkpoint/text-embeddings.js";
export type { HubOptions } from "./hub/options.js";
export { imageExtensions } from "./pictures/formats.js";
export type { DecodeOptions } from "./pictures/options.js";
export { median, quantile } from "./statistics.js";
export type { ClassifyOptions, PretrainedOptions } from "./tasks/image-classification.js";
export {
  type EmbedOptions,
  type FeatureExtractorOptions,
  type Pooling,
  poolings,
} from "./tasks/image-feature-extraction.js";
export { type LabelProbability, type LabelValue, showAnswer, topLabels } from "./tasks/labels.js";
export type { TaskName } from "./tasks/registry.js";
export { type ImageStage, isFailure } from "./tasks/result.js";
export type { ModelVerification } from "./tasks/verify.js";
export { escapeMarkup } from "./text/markup.js";
export { outlinePath, type PatchGrid, prunedPatches, tokenGroups } from "./visualize/groups.js";
export { type TokenPageOptions, tokenPage } from "./visualize/page.js";
export { type TokenPicture, type TokenSheetOptions, tokenSheet } from "./visualize/sheet.js";

/** The pipeline in browsers: the same interface as in Node, with the pictures and folders that a page has. */
export { backendNames, createBackend } from "./backends.js";
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
export type { Checkpoint, CheckpointFiles, LoadOptions, ProgressInfo, ReadFileOptions } from "./checkpoint.js";
export type { ClassifyOptions, PretrainedOptions } from "./classifier.js";
export { type EmbedOptions, type FeatureExtractorOptions, type Pooling, poolings } from "./feature-extractor.js";
export { type DecodeOptions, imageExtensions } from "./formats.js";
export type { HubOptions } from "./hub/options.js";
export type { ImageSizeOption } from "./resolution.js";
export { type ImageStage, isFailure, type LabelProbability, type LabelValue, showAnswer, topLabels } from "./result.js";
export {
  type BackendChoice,
  type CandidateReport,
  type SelectionCache,
  type SelectOptions,
  selectBackend,
} from "./select-backend.js";
export type { ModelVerification } from "./verify.js";
export { outlinePath, type PatchGrid, prunedPatches, tokenGroups } from "./visualize/groups.js";
export { escapeMarkup } from "./visualize/markup.js";
export { type TokenPageOptions, tokenPage } from "./visualize/page.js";
export { type TokenPicture, type TokenSheetOptions, tokenSheet } from "./visualize/sheet.js";
export { parseTextEmbeddings, type TextEmbeddings } from "./zero-shot.js";

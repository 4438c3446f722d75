/** What both entries of this package export, in Node and in browsers alike. */
export { type CreateBackendOptions, createBackend, selectBackend } from "./backends/create.js";
export { isSoftwareGpu } from "./backends/gpu-names.js";
export type { BackendNotice } from "./backends/notice.js";
export { backendNames, describeBackends, registerBackend } from "./backends/registry.js";
export type {
  BackendChoice,
  CandidateReport,
  FasterBackend,
  SelectionCache,
  SelectOptions,
} from "./backends/select.js";
export type { Checkpoint } from "./checkpoint/checkpoint.js";
export type { CheckpointFiles, FoundFiles, ReadFileOptions } from "./checkpoint/files.js";
export type { LoadOptions, ProgressInfo } from "./checkpoint/options.js";
export type { CheckpointNeeds } from "./checkpoint/parse.js";
export type { ReductionSetting } from "./checkpoint/reduction.js";
export type { ImageSizeOption } from "./checkpoint/resolution.js";
export { parseTextEmbeddings, type TextEmbeddings } from "./checkpoint/text-embeddings.js";
export { type ColourImage, colourDepth, type DepthRange, type DepthTensor, type GreyImage } from "./depth/depth-map.js";
export type { ConversionNotice } from "./hub/conversion.js";
export type { HubOptions } from "./hub/options.js";
export { imageExtensions } from "./pictures/formats.js";
export type { DecodeOptions } from "./pictures/options.js";
export { median, quantile } from "./statistics.js";
export {
  type DepthEstimate as DepthEstimateOf,
  type DepthEstimator as DepthEstimatorOf,
  type DepthEstimatorOptions,
  type DepthInterpolation,
  depthInterpolations,
  type EstimateDepthOptions,
} from "./tasks/depth-estimation.js";
// Types for any type of picture. Each entry also exports them for its own pictures, without "Of".
export type {
  Classification as ClassificationOf,
  ClassifyOptions,
  ImageClassifier as ImageClassifierOf,
  PretrainedOptions,
} from "./tasks/image-classification.js";
export {
  type DenseFeatures as DenseFeaturesOf,
  type Embedding as EmbeddingOf,
  type EmbedOptions,
  type FeatureExtractor as FeatureExtractorOf,
  type FeatureExtractorOptions,
  type Pooling,
  poolings,
} from "./tasks/image-feature-extraction.js";
export { type LabelProbability, type Labels, type LabelValue, showAnswer, topLabels } from "./tasks/labels.js";
export type { BatchOptions, ModelOptions } from "./tasks/options.js";
export type { DefaultTask, ModelOf, OptionsOf, TaskName } from "./tasks/registry.js";
export {
  type ImageStage,
  isFailure,
  type PictureFailure as PictureFailureOf,
  type PictureRun,
} from "./tasks/result.js";
export type { ModelFacts } from "./tasks/task.js";
export type { ModelVerification } from "./tasks/verify.js";
export { escapeMarkup } from "./text/markup.js";
export { groupColour, heatColour, meanColour } from "./visualize/colours.js";
export { outlinePath, type PatchGrid, prunedPatches, tokenGroups } from "./visualize/groups.js";
export { type TokenPageOptions, tokenPage } from "./visualize/page.js";
export { type TokenPicture, type TokenSheetOptions, tokenSheet } from "./visualize/sheet.js";

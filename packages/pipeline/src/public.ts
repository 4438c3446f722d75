/** What both entries of this package export, in Node and in browsers alike. */
export { type CreateBackendOptions, createBackend } from "./backends/create.js";
export type { BackendNotice } from "./backends/notice.js";
export { isSoftwareGpu } from "./backends/platform.js";
export { backendNames, describeBackends, registerBackend } from "./backends/registry.js";
export {
  type BackendChoice,
  type CandidateReport,
  type FasterBackend,
  type SelectionCache,
  type SelectOptions,
  selectBackend,
} from "./backends/select.js";
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

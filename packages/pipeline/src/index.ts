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
export { type ReductionDocument, reductionDocument } from "./calibrate/document.js";
export { calibrationPage, calibrationPlot } from "./calibrate/report.js";
export {
  type CalibrationTarget,
  type CostMeasure,
  chooseSettings,
  disagreementInterval,
  type Objective,
  paretoFront,
  type Trial,
} from "./calibrate/trial.js";
export type { Checkpoint } from "./checkpoint/checkpoint.js";
export type { CheckpointFiles, ReadFileOptions } from "./checkpoint/files.js";
export type { LoadOptions, ProgressInfo } from "./checkpoint/options.js";
export { type ReductionSetting, resolveReduction } from "./checkpoint/reduction.js";
export { atPictureSize, type ImageSizeOption } from "./checkpoint/resolution.js";
export { parseTextEmbeddings, type TextEmbeddings } from "./checkpoint/text-embeddings.js";
export type { HubOptions } from "./hub/options.js";
export { type CalibrateOptions, type Calibration, calibrate } from "./node/calibrate.js";
export { decodeImage, type OpenedPicture, openPicture } from "./node/decode.js";
export { checkpointFolder, readCheckpoint, type SourceKind, sourceKind } from "./node/folder.js";
export { fromPretrained } from "./node/from-pretrained.js";
export type { CheckpointSource, ImageInput } from "./node/inputs.js";
export { readReduction } from "./node/reduction-file.js";
export {
  type RenderTokensOptions,
  renderTokens,
  type TokenFormat,
  type TracedPicture,
  tokenFormats,
  tokenPicture,
} from "./node/render-tokens.js";
export type {
  Classification,
  DenseFeatures,
  Embedding,
  FeatureExtractor,
  ImageClassifier,
  PictureFailure,
  PretrainedModel,
} from "./node/types.js";
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

export { backendNames, createBackend } from "./backends/backends.js";
export {
  type BackendChoice,
  type CandidateReport,
  type SelectionCache,
  type SelectOptions,
  selectBackend,
} from "./backends/select.js";
export {
  type CalibrateOptions,
  type Calibration,
  calibrate,
  type ReductionDocument,
  reductionDocument,
} from "./calibrate/calibrate.js";
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
export type {
  Checkpoint,
  CheckpointFiles,
  LoadOptions,
  ProgressInfo,
  ReadFileOptions,
} from "./checkpoint/checkpoint.js";
export { type ReductionSetting, resolveReduction } from "./checkpoint/reduction.js";
export { atPictureSize, type ImageSizeOption } from "./checkpoint/resolution.js";
export type { ModelVerification } from "./checkpoint/verify.js";
export type { HubOptions } from "./hub/options.js";
export { decodeImage, type ImageInput, type OpenedPicture, openPicture } from "./node/decode.js";
export { type CheckpointSource, checkpointFolder, readCheckpoint, type SourceKind, sourceKind } from "./node/folder.js";
export {
  type Classification,
  type DenseFeatures,
  type Embedding,
  type FeatureExtractor,
  fromPretrained,
  type ImageClassifier,
  type PictureFailure,
} from "./node/from-pretrained.js";
export { readReduction } from "./node/reduction-file.js";
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
export {
  type RenderTokensOptions,
  renderTokens,
  type TokenFormat,
  type TracedPicture,
  tokenFormats,
  tokenPicture,
} from "./visualize/render.js";
export { type TokenPicture, type TokenSheetOptions, tokenSheet } from "./visualize/sheet.js";

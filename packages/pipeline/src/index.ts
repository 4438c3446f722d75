export { backendNames, createBackend } from "./backends.js";
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
export type { Checkpoint, CheckpointFiles, LoadOptions, ProgressInfo, ReadFileOptions } from "./checkpoint.js";
export type { ClassifyOptions, PretrainedOptions } from "./classifier.js";
export { decodeImage, type ImageInput, type OpenedPicture, openPicture } from "./decode.js";
export { type EmbedOptions, type FeatureExtractorOptions, type Pooling, poolings } from "./feature-extractor.js";
export { type CheckpointSource, checkpointFolder, readCheckpoint, type SourceKind, sourceKind } from "./folder.js";
export { type DecodeOptions, imageExtensions } from "./formats.js";
export type { HubOptions } from "./hub/options.js";
export {
  type Classification,
  type DenseFeatures,
  type Embedding,
  type FeatureExtractor,
  fromPretrained,
  type ImageClassifier,
  type PictureFailure,
} from "./node.js";
export { type ReductionSetting, resolveReduction } from "./reduction.js";
export { readReduction } from "./reduction-file.js";
export { atPictureSize, type ImageSizeOption } from "./resolution.js";
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
export {
  type RenderTokensOptions,
  renderTokens,
  type TokenFormat,
  type TracedPicture,
  tokenFormats,
  tokenPicture,
} from "./visualize/render.js";
export { type TokenPicture, type TokenSheetOptions, tokenSheet } from "./visualize/sheet.js";
export { parseTextEmbeddings, type TextEmbeddings } from "./zero-shot.js";

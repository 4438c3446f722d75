import { setMachine } from "./backends/machine.js";
import { nodeMachine } from "./node/machine.js";

export type { AnswerKind } from "./calibrate/answers/answer-kind.js";
export { answerKindOf } from "./calibrate/answers/index.js";
export type {
  CalibrateOptions as CalibrateOptionsOf,
  Calibration as CalibrationOf,
  CalibrationProgress,
  SearchIdentity,
} from "./calibrate/calibrate.js";
export { divergenceInterval, type RunnerUp, runnerUp } from "./calibrate/comparison.js";
export { type ReductionDocument, reductionDocument } from "./calibrate/document.js";
export type { BlockSpread, TrialMemory } from "./calibrate/evaluate.js";
export {
  isFor as isLatencyTableFor,
  type LatencyIdentity,
  type LatencyTable,
  latencyTableCheck,
} from "./calibrate/latency.js";
export { calibrationPage, calibrationPlot } from "./calibrate/report.js";
export { bestClass, cosine, divergence, type Interval, shareInterval } from "./calibrate/statistics.js";
export {
  type CalibrationTarget,
  type Choices as CalibrationChoices,
  type CostMeasure,
  chooseSettings,
  disagreementInterval,
  type Objective,
  type Priced as CalibrationCost,
  paretoFront,
  type Trial,
} from "./calibrate/trial.js";
export { resolveReduction } from "./checkpoint/reduction.js";
export { atOneSize, atPictureSize, sizeVaries } from "./checkpoint/resolution.js";
export { type CalibrateOptions, type Calibration, calibrate } from "./node/calibrate.js";
export { decodeImage, type OpenedPicture, openPicture, readPictureBytes } from "./node/decode.js";
export { checkpointFolder, readCheckpoint, type SourceKind, sourceKind } from "./node/folder.js";
export { fromPretrained } from "./node/from-pretrained.js";
export type { CheckpointSource, ImageInput, PictureSource } from "./node/inputs.js";
export { makeFolder } from "./node/make-folder.js";
export { type NumpyType, numpyHeader } from "./node/numpy.js";
export { readReduction } from "./node/reduction-file.js";
export { type DepthFormat, depthFormats, renderDepth } from "./node/render-depth.js";
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
  DepthEstimate,
  DepthEstimator,
  Embedding,
  FeatureExtractor,
  ImageClassifier,
  PictureFailure,
  PretrainedModel,
} from "./node/types.js";
export type { PictureFormat } from "./pictures/signatures.js";
export * from "./public.js";
export { exportNeeds, firstTaskOf, outputsForTask, taskNames } from "./tasks/exports.js";

setMachine(nodeMachine);

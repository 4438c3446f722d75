/** `@ppt-vit/core`: reads checkpoints and pictures, and runs models with reductions on any backend. */
export {
  describeReduction,
  findVerificationRecord,
  recordVerification,
  verificationInput,
  verifyModel,
} from "./apart.js";
export type { BackendDescription, BackendDescriptor, BackendPlatform } from "./backend-descriptor.js";
export type { BlockCost, ModelCost } from "./cost.js";
export { firstLineOf, isPptError, PptError, type PptErrorCode, reasonOf } from "./errors.js";
export { hostTensor } from "./host-tensor.js";
export {
  processedSize,
  processImage,
  processImageInto,
  type ResampleFilter,
  type RgbImage,
  resizeAndCrop,
  resizeImage,
  stackImages,
} from "./io/image-processor.js";
export { parseConfigJson } from "./io/json.js";
export { type JsonLimits, type JsonProblem, jsonProblem } from "./io/json-structure.js";
export type { ImageProcessorConfig, ImageSize, NearestMultiples, ResizeTarget, Rgb } from "./io/processor-config.js";
export {
  longestSafetensorsHeader,
  openSafetensors,
  parseSafetensors,
  type RandomAccessFile,
  type SafetensorsDType,
  type SafetensorsFile,
} from "./io/safetensors.js";
export { joinShards, parseSafetensorsIndex, type SafetensorsIndex, type ShardedWeights } from "./io/sharded.js";
export { quantizeBlocks, quantizeRows } from "./quantize.js";
export type { DiffRateSettings } from "./reduction/policies/diffrate.js";
export type { Threshold } from "./reduction/policies/ppt.js";
export type { Action, ReductionPolicy, ReductionStage } from "./reduction/policy.js";
export { publishedReduction, reductionPreset, reductionPresetNames } from "./reduction/presets.js";
export { defaultPolicy, isPolicyName, type PolicyName, policies, policyNames } from "./reduction/registry.js";
export { restoreTokens, type TokenState } from "./reduction/restore.js";
export type { ModelGeometry, ResolvedReduction, ResolvedStage } from "./reduction/schedule.js";
export {
  completeReduction,
  type ModelIdentity,
  mergeReduction,
  parseReduction,
  parseWrittenReduction,
  policiesOf,
  type ReductionConfig,
  type ReductionSchedule,
  reductionVersion,
  type TokensRemoved,
  type WrittenReduction,
  writtenReduction,
} from "./reduction/settings.js";
export type * from "./seam.js";
export { sizeOf } from "./shape.js";
export {
  headsFit,
  isKnownToTransformersJs,
  modelCost,
  modelFingerprint,
  prepareVisionProgram,
  randomWeights,
  readParameters,
  storedParameters,
  weightBytes,
  weightShapes,
} from "./vit/at-once.js";
export {
  type BlockLayer,
  type PositionInterpolation,
  type Problem,
  patchCount,
  patchGrid,
  problemOf,
  type RotaryPositions,
  type Stem,
  specialTokens,
  tokenCount,
  type VisionModelConfig,
  type VisionModelTraits,
  withImageSize,
} from "./vit/config.js";
export type { DepthHead } from "./vit/depth/config.js";
export { type ExportOutput, embeddingPoolingOf, exportOutputsOf } from "./vit/export-outputs.js";
export { type ConfigReader, loadConfigReader } from "./vit/load-family.js";
export {
  createVisionModel,
  type StageReport,
  type VisionInput,
  type VisionModel,
  type VisionModelOptions,
  type VisionOutput,
  type VisionProgram,
} from "./vit/model.js";
export { parseModelConfig } from "./vit/parse-config.js";
export { defaultReduction } from "./vit/plan.js";
export {
  parseImageProcessorConfig,
  parseProcessorFiles,
  preprocessingInConfig as timmImageProcessor,
} from "./vit/preprocessing.js";
export type { OutputOptions } from "./vit/program.js";
export type { ParseOptions } from "./vit/read-config.js";
export type { ProcessorFiles, ProcessorSurroundings } from "./vit/read-processor.js";
export { type WeightSource, weightsFrom } from "./vit/stored-names.js";
export { isStoredParameter } from "./vit/stored-parameters.js";
export type { Verification } from "./vit/verification.js";
export { parseVerificationRecords, type VerificationRecord } from "./vit/verification-records.js";
export type { ReadOptions } from "./vit/weights.js";
export {
  defaultDtype,
  type QuantizedDtypeName,
  quantizationOf,
  quantizedDtypeNames,
  type WeightDtypeName,
  weightDtypeNames,
  weightDtypes,
} from "./weight-dtypes/index.js";
export type { LinearPlace, WeightDtype } from "./weight-dtypes/weight-dtype.js";
export { writeProblem } from "./write-problem.js";

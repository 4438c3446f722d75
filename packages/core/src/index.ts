/** `@ppt-vit/core`: reads checkpoints and pictures, and runs models with reductions on any backend. */
export type { BackendDescription, BackendDescriptor, BackendPlatform } from "./backend-descriptor.js";
export { hostTensor } from "./composites.js";
export { type BlockCost, type ModelCost, modelCost } from "./cost.js";
export { firstLineOf, isPptError, PptError, type PptErrorCode, reasonOf } from "./errors.js";
export { modelFingerprint } from "./fingerprint.js";
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
export { describeReduction } from "./reduction/describe.js";
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
export { isKnownToTransformersJs } from "./vit/find-family.js";
export { type ConfigReader, loadConfigReader } from "./vit/load-family.js";
export {
  createVisionModel,
  prepareVisionProgram,
  type StageReport,
  type VisionInput,
  type VisionModel,
  type VisionModelOptions,
  type VisionOutput,
  type VisionProgram,
} from "./vit/model.js";
export { parseModelConfig } from "./vit/parse-config.js";
export { defaultReduction } from "./vit/plan.js";
export { parseProcessorFiles, preprocessingInConfig as timmImageProcessor } from "./vit/preprocessing.js";
export type { OutputOptions } from "./vit/program.js";
export { randomWeights, weightShapes } from "./vit/random-weights.js";
export type { ParseOptions } from "./vit/read-config.js";
export { type ProcessorFiles, type ProcessorSurroundings, parseImageProcessorConfig } from "./vit/read-processor.js";
export { type WeightSource, weightsFrom } from "./vit/stored-names.js";
export { isStoredParameter, storedParameters } from "./vit/stored-parameters.js";
export {
  findVerificationRecord,
  parseVerificationRecords,
  recordVerification,
  type Verification,
  type VerificationRecord,
  verificationInput,
  verifyModel,
} from "./vit/verification.js";
export { weightBytes } from "./vit/weight-bytes.js";
export { headsFit, type ReadOptions, readParameters } from "./vit/weights.js";
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

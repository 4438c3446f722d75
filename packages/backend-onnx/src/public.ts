/** What both entries export: all of the package that does not depend on where a runtime comes from. */
export type { OnnxBackend, OnnxBackendOptions, OnnxInfo } from "./backend.js";
export type { CaptureCheck } from "./capture.js";
export { type DeviceKind, type DeviceKindDescription, deviceKindNames, deviceKinds } from "./device-kinds.js";
export type { OnnxDevice, OnnxDeviceDescription } from "./devices.js";
export { exportOnnx, type OnnxExport, type OnnxExportOptions } from "./export.js";
export type { ExportDtype } from "./export-dtypes.js";
export { toFloat16 } from "./float16.js";
export type { Fusion } from "./fusion.js";
export { type ExportMetadata, inspectOnnx, type OnnxSummary } from "./inspect.js";
export type { IntegerProducts } from "./integer-products.js";
export type { KernelCount } from "./kernels.js";
export { type ExternalData, readMetadata, type WeightBeside } from "./proto.js";
export type {
  GpuBuffer,
  OnnxDataLocation,
  OnnxExecutionProvider,
  OnnxRuntime,
  OnnxSession,
  OnnxSessionOptions,
  OnnxTensor,
} from "./runtime-types.js";
export { compareAttention, type SelfCheck } from "./self-check.js";
export { type TracedModel, type TraceOptions, traceProgram } from "./trace.js";

/** ONNX Runtime backend: programs traced into static ONNX graphs, run on native CPU, WebGPU or wasm, or written to files. */
export type { OnnxBackend, OnnxBackendOptions, OnnxInfo } from "./backend.js";
export type { CaptureCheck } from "./capture.js";
export {
  type ExportMetadata,
  exportOnnx,
  inspectOnnx,
  type OnnxExport,
  type OnnxExportOptions,
  type OnnxSummary,
} from "./export.js";
export { createOnnxBackend } from "./node.js";
export type { Fusion } from "./overrides.js";
export { readMetadata } from "./proto.js";
export { compareAttention, type SelfCheck } from "./self-check.js";
export type { OnnxDevice, OnnxRuntime } from "./session.js";
export { type TracedModel, type TraceOptions, traceProgram } from "./trace.js";

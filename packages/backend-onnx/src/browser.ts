/** What bundlers take for pages and workers: ONNX Runtime Web alone. The types are those of index.ts. */
export { exportOnnx, inspectOnnx } from "./export.js";
export { readMetadata } from "./proto.js";
export { compareAttention } from "./self-check.js";
export { traceProgram } from "./trace.js";
export { createOnnxBackend } from "./web.js";

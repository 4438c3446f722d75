/** ONNX Runtime backend: the program is traced once into a static graph, which runs on native CPU, WebGPU or wasm. */
import { type Backend, type Executable, PptError } from "@ppt-vit/core";
import type { InferenceSession } from "onnxruntime-common";
import type { Fusion } from "./overrides.js";
import { loadRuntime, type OnnxDevice, type OnnxRuntime, openSession } from "./session.js";
import { traceProgram } from "./trace.js";

export interface OnnxBackendOptions {
  /** Default `cpu` in Node, `wasm` elsewhere. */
  readonly device?: OnnxDevice;
  /** `onnxruntime-node` or `onnxruntime-web`. Loaded by device when left out. */
  readonly ort?: OnnxRuntime;
  /** Precision of parameters and activations; scores and variances stay float32. Default `fp32`. */
  readonly dtype?: "fp32" | "fp16";
  /**
   * `MultiHeadAttention` as one operator, or written out. Default: fused on `cpu` and `wasm`, written out on `webgpu`,
   * where some devices compute it wrongly without a word (docs/decisions/0005-onnx.md).
   */
  readonly attention?: "fused" | "decomposed";
  /** Passed to ONNX Runtime as they are. */
  readonly sessionOptions?: InferenceSession.SessionOptions;
}

const defaultDevice = (): OnnxDevice => (typeof process === "object" && process.versions?.node ? "cpu" : "wasm");

/**
 * A backend on ONNX Runtime.
 * @throws PptError BACKEND_UNAVAILABLE where the runtime is not installed or the device does not exist here.
 */
export async function createOnnxBackend(options: OnnxBackendOptions = {}): Promise<Backend> {
  const { device = defaultDevice(), dtype = "fp32", sessionOptions = {} } = options;
  const { attention = device === "webgpu" ? "decomposed" : "fused" } = options;
  const runtime = options.ort ?? (await loadRuntime(device));
  const fusion: Fusion = { contrib: true, attention: attention === "fused" };
  const executables = new Set<Executable>();
  let disposed = false;

  return {
    specVersion: 1,
    name: `onnx-${device}`,
    capabilities: {
      precision: dtype === "fp32" ? "float32" : "reduced",
      // The matrix products split their sums by the number of rows.
      batchInvariant: false,
      // Shader compilers may assume that infinities and NaN do not occur.
      nonFinite: device !== "webgpu",
    },

    async compile(program, { params, inputs }) {
      if (disposed) throw new PptError("DISPOSED", "compile: this ONNX backend was disposed; create another");
      const { bytes } = traceProgram(program, {
        params,
        inputs,
        dtype: dtype === "fp32" ? "float32" : "float16",
        fusion,
      });
      const executable = await openSession({ runtime, device, model: bytes, inputs, sessionOptions });
      executables.add(executable);
      return {
        run: (feeds) => executable.run(feeds),
        async dispose() {
          executables.delete(executable);
          await executable.dispose();
        },
      };
    },

    async dispose() {
      disposed = true;
      await Promise.all([...executables].map((executable) => executable.dispose()));
      executables.clear();
    },
  };
}

export {
  type ExportMetadata,
  exportOnnx,
  inspectOnnx,
  type OnnxExport,
  type OnnxExportOptions,
  type OnnxSummary,
} from "./export.js";
export type { Fusion } from "./overrides.js";
export { readMetadata } from "./proto.js";
export type { OnnxDevice, OnnxRuntime } from "./session.js";
export { type TracedModel, type TraceOptions, traceProgram } from "./trace.js";

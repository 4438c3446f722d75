/** ONNX Runtime as a backend: the program is traced once into a static graph, which runs on CPU, WebGPU or wasm. */
import { type Backend, type CompileOptions, type Executable, PptError, type Program } from "@ppt-vit/core";
import type { InferenceSession } from "onnxruntime-common";
import { compareAttention, type SelfCheck } from "./self-check.js";
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
   * where some devices compute the operator wrongly without a word (docs/decisions/0005-onnx.md). Where `fused` is asked
   * for, both are compared on the device first, and what disagrees is not used: see `info.attentionCheck`.
   */
  readonly attention?: "fused" | "decomposed";
  /** Passed to ONNX Runtime as they are. */
  readonly sessionOptions?: InferenceSession.SessionOptions;
}

/** What a backend settled on. */
export interface OnnxInfo {
  readonly device: OnnxDevice;
  readonly dtype: "fp32" | "fp16";
  /** How attention is computed. */
  readonly attention: "fused" | "decomposed";
  /** Fused against decomposed attention on this device, where fused attention was asked for. */
  readonly attentionCheck?: SelfCheck;
}

export interface OnnxBackend extends Backend {
  readonly info: OnnxInfo;
}

const defaultDevice = (): OnnxDevice => (typeof process === "object" && process.versions?.node ? "cpu" : "wasm");

/** How far fused attention may lie from the decomposed one, relative to the largest value. */
const attentionTolerance = { fp32: 1e-4, fp16: 1e-2 };

/**
 * A backend on ONNX Runtime.
 * @throws PptError BACKEND_UNAVAILABLE where the runtime is not installed or the device does not exist here.
 */
export async function createOnnxBackend(options: OnnxBackendOptions = {}): Promise<OnnxBackend> {
  const { device = defaultDevice(), dtype = "fp32", sessionOptions = {} } = options;
  const runtime = options.ort ?? (await loadRuntime(device));
  const executables = new Set<Executable>();
  let disposed = false;

  async function compile(program: Program, { params, inputs }: CompileOptions, fused: boolean): Promise<Executable> {
    if (disposed) throw new PptError("DISPOSED", "compile: this ONNX backend was disposed; create another");
    const { bytes } = traceProgram(program, {
      params,
      inputs,
      dtype: dtype === "fp32" ? "float32" : "float16",
      fusion: { contrib: true, attention: fused },
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
  }
  const compiling = (fused: boolean): Pick<Backend, "compile"> => ({
    compile: (program, options) => compile(program, options, fused),
  });

  const attentionCheck =
    options.attention === "fused"
      ? await compareAttention(compiling(true), compiling(false), attentionTolerance[dtype])
      : undefined;
  const fused = attentionCheck ? attentionCheck.agrees : options.attention === undefined && device !== "webgpu";

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
    info: { device, dtype, attention: fused ? "fused" : "decomposed", ...(attentionCheck && { attentionCheck }) },
    ...compiling(fused),

    async dispose() {
      disposed = true;
      await Promise.all([...executables].map((executable) => executable.dispose()));
      executables.clear();
    },
  };
}

/**
 * The part of ONNX Runtime that this package uses. It is declared here because ONNX Runtime's own declarations need a browser's
 * DOM library, which servers and workers do not have. A test compares both.
 */

/** The settings of a session that ONNX Runtime documents as `InferenceSession.SessionOptions`. */
export interface OnnxSessionOptions {
  /** Names, or objects with a `name` and the provider's own options. */
  readonly executionProviders?: readonly (string | OnnxExecutionProvider)[];
  readonly intraOpNumThreads?: number;
  readonly interOpNumThreads?: number;
  readonly freeDimensionOverrides?: { readonly [dimension: string]: number };
  readonly graphOptimizationLevel?: "disabled" | "basic" | "extended" | "layout" | "all";
  readonly enableCpuMemArena?: boolean;
  readonly enableMemPattern?: boolean;
  readonly executionMode?: "sequential" | "parallel";
  readonly optimizedModelFilePath?: string;
  readonly enableProfiling?: boolean;
  readonly profileFilePrefix?: string;
  readonly logId?: string;
  readonly logSeverityLevel?: 0 | 1 | 2 | 3 | 4;
  readonly logVerbosityLevel?: number;
  /** Where outputs are kept, for all of them or by name. */
  readonly preferredOutputLocation?: OnnxDataLocation | { readonly [output: string]: OnnxDataLocation };
  readonly enableGraphCapture?: boolean;
  /** Session configuration entries, as `{ session: { set_denormal_as_zero: "1" } }`. */
  readonly extra?: Record<string, unknown>;
}

export interface OnnxExecutionProvider {
  readonly name: string;
  /** WebGPU: the `GPUDevice` to run on. */
  readonly device?: unknown;
}

export type OnnxDataLocation = "none" | "cpu" | "cpu-pinned" | "texture" | "gpu-buffer" | "ml-tensor";

/** A tensor of ONNX Runtime. */
export interface OnnxTensor {
  readonly dims: readonly number[];
  /** The values, where they are in host memory. */
  readonly data: unknown;
  /** Reads the values back; `releaseData` frees them on the device. */
  getData(releaseData?: boolean): Promise<unknown>;
  dispose(): void;
}

/** A session of ONNX Runtime. */
export interface OnnxSession {
  readonly inputNames: readonly string[];
  run(feeds: { readonly [name: string]: OnnxTensor }): Promise<{ readonly [name: string]: OnnxTensor }>;
  release(): Promise<void>;
}

/** A `GPUBuffer`. TypeScript's DOM library has no types for WebGPU. */
export interface GpuBuffer {
  readonly size: number;
  readonly mapState: "unmapped" | "pending" | "mapped";
  destroy(): void;
}

/** A runtime module: `onnxruntime-node` or `onnxruntime-web`. */
export interface OnnxRuntime {
  readonly InferenceSession: {
    create(model: Uint8Array, options?: OnnxSessionOptions): Promise<OnnxSession>;
  };
  readonly Tensor: {
    new (type: "float32", data: Float32Array, dims: readonly number[]): OnnxTensor;
    fromGpuBuffer?(buffer: GpuBuffer, options: { dataType: "float32"; dims: readonly number[] }): OnnxTensor;
  };
  readonly env?: {
    readonly versions?: { readonly node?: string; readonly web?: string };
    readonly wasm?: { numThreads?: number; proxy?: boolean };
    readonly webgpu?: { readonly device?: unknown };
  };
}

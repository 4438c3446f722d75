/** The devices of this package. Only data: the pipeline holds a copy, and knows them where this package is not installed. */
import type { BackendDescription } from "@ppt-vit/core/backend";

/**
 * `cpu`: native, Node only. `webgpu`: Node (onnxruntime-node) and browsers (onnxruntime-web). `wasm`: anywhere.
 */
export type OnnxDevice = "cpu" | "webgpu" | "wasm";

export interface OnnxDeviceDescription extends BackendDescription {
  /** Option `device` of `createOnnxBackend`. */
  readonly device: OnnxDevice;
  /** What ONNX Runtime calls the execution provider, in its logs. */
  readonly provider: string;
}

/** The devices of this package, in the order of their names. */
export const devices: readonly OnnxDeviceDescription[] = [
  {
    name: "onnx-cpu",
    title: "ONNX Runtime · native",
    device: "cpu",
    provider: "CPUExecutionProvider",
    runsIn: ["node"],
    packages: ["onnxruntime-node"],
    rank: { node: 100 },
    // benchmarks/results/runs.ndjson, line 6
    imagesPerSecond: { node: 87.4 },
    // The folders of onnxruntime-node 1.30. Its Linux files need glibc.
    binaries: ["linux-x64", "linux-arm64", "darwin-arm64", "win32-x64", "win32-arm64"],
  },
  // In Node a GPU is used where it is asked for: no API there tells a GPU from its emulation.
  {
    name: "onnx-webgpu",
    title: "ONNX Runtime · WebGPU",
    device: "webgpu",
    provider: "WebGpuExecutionProvider",
    packages: { node: ["onnxruntime-node"], browser: ["onnxruntime-web"] },
    needs: "webgpu",
    rank: { browser: 100 },
  },
  {
    name: "onnx-wasm",
    title: "ONNX Runtime · WebAssembly",
    device: "wasm",
    provider: "CPUExecutionProvider",
    packages: ["onnxruntime-web"],
    needs: "webassembly",
    rank: { node: 400, browser: 400 },
    imagesPerSecond: { node: 11.4 },
  },
];

/** The devices of this package, as plain data. The pipeline bundles a copy, so it knows them without this package. */
import type { BackendDescription } from "@ppt-vit/core/backend";

/** `node` and `node-gpu` are native TensorFlow. The others run in browsers, and all of them but `webgl` also in Node. */
export type TfjsDevice = "cpu" | "wasm" | "webgl" | "webgpu" | "node" | "node-gpu";

export interface TfjsDeviceDescription extends BackendDescription {
  /** The option `device` of `createTfjsBackend`. */
  readonly device: TfjsDevice;
  /** TensorFlow.js's own name for the engine. */
  readonly engine: string;
  readonly packages: readonly string[];
}

/** The devices of this package, in the order of their names. */
export const devices: readonly TfjsDeviceDescription[] = [
  // No rank, because the CPU backend of `@ppt-vit/backend-cpu` serves the same purpose without another package.
  {
    name: "tfjs-cpu",
    title: "TensorFlow.js · JavaScript",
    device: "cpu",
    engine: "cpu",
    packages: ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-cpu"],
  },
  {
    name: "tfjs-wasm",
    title: "TensorFlow.js · WebAssembly",
    device: "wasm",
    engine: "wasm",
    packages: ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-wasm"],
    needs: "webassembly",
    rank: { node: 500, browser: 500 },
    // benchmarks/results/runs.ndjson, line 6
    imagesPerSecond: { node: 9.64 },
  },
  {
    name: "tfjs-webgl",
    title: "TensorFlow.js · WebGL",
    device: "webgl",
    engine: "webgl",
    runsIn: ["browser"],
    packages: ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-webgl"],
    needs: "webgl",
    rank: { browser: 300 },
  },
  {
    name: "tfjs-webgpu",
    title: "TensorFlow.js · WebGPU",
    device: "webgpu",
    engine: "webgpu",
    packages: ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-webgpu"],
    needs: "webgpu",
    rank: { browser: 200 },
  },
  {
    name: "tfjs-node",
    title: "TensorFlow.js · native",
    device: "node",
    engine: "tensorflow",
    runsIn: ["node"],
    packages: ["@tensorflow/tfjs-node"],
    rank: { node: 300 },
  },
  {
    name: "tfjs-node-gpu",
    title: "TensorFlow.js · CUDA",
    device: "node-gpu",
    engine: "tensorflow",
    runsIn: ["node"],
    packages: ["@tensorflow/tfjs-node-gpu"],
    rank: { node: 200 },
  },
];

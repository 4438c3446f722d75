/** The devices of this package. Only data: the pipeline holds a copy, and knows them where this package is not installed. */
import type { BackendDescription } from "@ppt-vit/core/backend";

/** `node` and `node-gpu` are native TensorFlow; the others run in browsers, and all but `webgl` in Node. */
export type TfjsDevice = "cpu" | "wasm" | "webgl" | "webgpu" | "node" | "node-gpu";

export interface TfjsDeviceDescription extends BackendDescription {
  /** Option `device` of `createTfjsBackend`. */
  readonly device: TfjsDevice;
  /** The name by which TensorFlow.js knows the engine. */
  readonly engine: string;
  readonly packages: readonly string[];
}

export const devices: readonly TfjsDeviceDescription[] = [
  // No rank: the plain CPU backend needs no package.
  {
    name: "tfjs-cpu",
    device: "cpu",
    engine: "cpu",
    packages: ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-cpu"],
  },
  {
    name: "tfjs-wasm",
    device: "wasm",
    engine: "wasm",
    packages: ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-wasm"],
    needs: "webassembly",
    rank: { node: 500, browser: 500 },
  },
  {
    name: "tfjs-webgl",
    device: "webgl",
    engine: "webgl",
    runsIn: ["browser"],
    packages: ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-webgl"],
    needs: "webgl",
    rank: { browser: 300 },
  },
  {
    name: "tfjs-webgpu",
    device: "webgpu",
    engine: "webgpu",
    packages: ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-webgpu"],
    needs: "webgpu",
    rank: { browser: 200 },
  },
  {
    name: "tfjs-node",
    device: "node",
    engine: "tensorflow",
    runsIn: ["node"],
    packages: ["@tensorflow/tfjs-node"],
    rank: { node: 300 },
  },
  {
    name: "tfjs-node-gpu",
    device: "node-gpu",
    engine: "tensorflow",
    runsIn: ["node"],
    packages: ["@tensorflow/tfjs-node-gpu"],
    rank: { node: 200 },
  },
];

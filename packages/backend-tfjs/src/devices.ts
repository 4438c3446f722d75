/** The devices of this package. Only data: the pipeline holds a copy, and knows them where this package is not installed. */
import type { BackendDescription } from "@ppt-vit/core";

/** `node` and `node-gpu` are native TensorFlow; the others run in browsers, and all but `webgl` in Node. */
export type TfjsDevice = "cpu" | "wasm" | "webgl" | "webgpu" | "node" | "node-gpu";

export interface TfjsDeviceDescription extends BackendDescription {
  /** Option `device` of `createTfjsBackend`. */
  readonly device: TfjsDevice;
  /** The name by which TensorFlow.js knows the engine. */
  readonly engine: string;
  readonly packages: readonly string[];
}

/** An engine that registers itself in `@tensorflow/tfjs-core` when its package is loaded. */
const registered = (
  device: TfjsDevice,
  facts: Omit<BackendDescription, "name" | "packages">,
): TfjsDeviceDescription => ({
  name: `tfjs-${device}`,
  device,
  engine: device,
  packages: ["@tensorflow/tfjs-core", `@tensorflow/tfjs-backend-${device}`],
  ...facts,
});

const native = (device: "node" | "node-gpu", rank: number): TfjsDeviceDescription => ({
  name: `tfjs-${device}`,
  device,
  engine: "tensorflow",
  packages: [`@tensorflow/tfjs-${device}`],
  runsIn: ["node"],
  rank: { node: rank },
});

export const devices: readonly TfjsDeviceDescription[] = [
  registered("cpu", {}),
  registered("wasm", { needs: "webassembly", rank: { node: 500, browser: 500 } }),
  registered("webgl", { needs: "webgl", runsIn: ["browser"], rank: { browser: 300 } }),
  registered("webgpu", { needs: "webgpu", rank: { browser: 200 } }),
  native("node", 300),
  native("node-gpu", 200),
];

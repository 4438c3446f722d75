/** The backends that can be asked for by name. Each is an optional peer, loaded when it is first used. */

import { type Backend, PptError } from "@ppt-vit/core";
import { check, checkArgument } from "@ppt-vit/core/options";
import { quoted } from "../text/quoted.js";
import { importCpu, importOnnx, importTfjs, NotInstalled } from "./peers.js";

interface Loader {
  /** What has to be installed. */
  readonly packages: readonly string[];
  readonly create: () => Promise<Backend>;
}

const onnx = (device: "cpu" | "webgpu" | "wasm", runtime: string): Loader => ({
  packages: ["@ppt-vit/backend-onnx", runtime],
  create: async () => (await importOnnx()).createOnnxBackend({ device }),
});

const tfjs = (device: "cpu" | "wasm" | "webgl" | "webgpu" | "node" | "node-gpu"): Loader => ({
  packages: [
    "@ppt-vit/backend-tfjs",
    ...(device.startsWith("node")
      ? [`@tensorflow/tfjs-${device}`]
      : ["@tensorflow/tfjs-core", `@tensorflow/tfjs-backend-${device}`]),
  ],
  create: async () => (await importTfjs()).createTfjsBackend({ device }),
});

const loaders: Readonly<Record<string, Loader>> = {
  cpu: {
    packages: ["@ppt-vit/backend-cpu"],
    create: async () => (await importCpu()).createCpuBackend(),
  },
  "onnx-cpu": onnx("cpu", "onnxruntime-node"),
  "onnx-webgpu": onnx("webgpu", "onnxruntime-node"),
  "onnx-wasm": onnx("wasm", "onnxruntime-web"),
  "tfjs-cpu": tfjs("cpu"),
  "tfjs-wasm": tfjs("wasm"),
  "tfjs-webgl": tfjs("webgl"),
  "tfjs-webgpu": tfjs("webgpu"),
  "tfjs-node": tfjs("node"),
  "tfjs-node-gpu": tfjs("node-gpu"),
};

/** Names that `createBackend` knows. `tfjs-webgl` is for browsers, native ones are for Node. */
export const backendNames: readonly string[] = Object.keys(loaders);

const nameCheck = check("the name of a backend", (value) => typeof value === "string");

/** @throws PptError UNKNOWN_BACKEND, or BACKEND_UNAVAILABLE where its package is not installed. */
export async function createBackend(name: string): Promise<Backend> {
  checkArgument("createBackend", "name", name, nameCheck, "UNKNOWN_BACKEND");
  if (!Object.hasOwn(loaders, name))
    throw new PptError("UNKNOWN_BACKEND", `unknown backend ${quoted(name)}; available: ${backendNames.join(", ")}`);
  const loader = loaders[name]!;
  try {
    return await loader.create();
  } catch (error) {
    if (!(error instanceof NotInstalled)) throw error;
    const packages = loader.packages.join(" ");
    throw new PptError("BACKEND_UNAVAILABLE", `backend '${name}' is not installed: npm install ${packages}`, {
      cause: error,
    });
  }
}

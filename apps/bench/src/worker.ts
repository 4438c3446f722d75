/** The worker that runs all models. The app itself serves the files of its backends. */
import type { OnnxDevice, OnnxRuntime } from "@ppt-vit/backend-onnx";
import { devices as onnxDevices } from "@ppt-vit/backend-onnx/devices";
import type { TfjsDevice } from "@ppt-vit/backend-tfjs";
import { devices as tfjsDevices } from "@ppt-vit/backend-tfjs/devices";
import { serveClassifiers } from "@ppt-vit/pipeline/browser";
import { oneThread } from "./one-thread.js";
import { half, inHalf } from "./precisions.js";

/** The settings of ONNX Runtime that must be set before its first session. */
type ConfigurableRuntime = OnnxRuntime & { env: { wasm: { numThreads: number }; logLevel: string } };

// The worker's script is one folder below the page, both in a build and in development.
const served = (path: string) => new URL(`../${path}`, self.location.href).href;

/** Threads need shared memory. Large models use at most about 8 threads well; more would only wait for each other. */
const threads = self.crossOriginIsolated ? Math.min(8, navigator.hardwareConcurrency) : 1;

async function onnx(device: OnnxDevice, dtype: "fp32" | "fp16" = "fp32") {
  const [runtime, { createOnnxBackend }] = await Promise.all([
    import(/* @vite-ignore */ served(`ort/ort.${device}.min.mjs`)) as Promise<ConfigurableRuntime>,
    import("@ppt-vit/backend-onnx"),
  ]);
  runtime.env.wasm.numThreads = device === "wasm" ? threads : 1;
  runtime.env.logLevel = "error";
  return createOnnxBackend({ device, dtype, ort: runtime });
}

async function tfjs(device: TfjsDevice) {
  const { createTfjsBackend } = await import("@ppt-vit/backend-tfjs");
  if (device === "wasm") {
    const [{ setWasmPaths }, { env }] = await Promise.all([
      import("@tensorflow/tfjs-backend-wasm"),
      import("@tensorflow/tfjs-core"),
    ]);
    setWasmPaths(served("tfjs/"));
    // Its threads start from blob: scripts, which the policy in headers.ts forbids.
    env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  }
  return createTfjsBackend({ device });
}

async function wasmOnOneThread() {
  const { createWasmBackend } = await import("@ppt-vit/backend-wasm");
  return createWasmBackend({ threads: 1 });
}

serveClassifiers({
  // A change of settings then costs a compile, and neither a download nor a parse.
  keepCheckpoint: true,
  backends: Object.fromEntries([
    ...onnxDevices.flatMap(({ name, device }) => [
      [name, () => onnx(device)],
      [inHalf(name), () => onnx(device, half)],
    ]),
    ...tfjsDevices.map(({ name, device }) => [name, () => tfjs(device)]),
    [oneThread.name, wasmOnOneThread],
  ]),
});

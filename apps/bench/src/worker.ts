/** Runs every model: the classifiers of the page, over backends whose files this app serves itself. */
import type { OnnxRuntime } from "@ppt-vit/backend-onnx";
import { serveClassifiers } from "@ppt-vit/pipeline/browser";

/** What is set of ONNX Runtime before its first session. */
type ConfigurableRuntime = OnnxRuntime & { env: { wasm: { numThreads: number }; logLevel: string } };

// The bundle lies one folder below the page, also in development.
const served = (path: string) => new URL(`../${path}`, self.location.href).href;

/** Threads need shared memory. More than the cores that large models use well only wait for each other. */
const threads = self.crossOriginIsolated ? Math.min(8, navigator.hardwareConcurrency) : 1;

async function onnx(device: "wasm" | "webgpu") {
  const [runtime, { createOnnxBackend }] = await Promise.all([
    import(/* @vite-ignore */ served(`ort/ort.${device}.min.mjs`)) as Promise<ConfigurableRuntime>,
    import("@ppt-vit/backend-onnx"),
  ]);
  runtime.env.wasm.numThreads = device === "wasm" ? threads : 1;
  runtime.env.logLevel = "error";
  return createOnnxBackend({ device, ort: runtime });
}

async function tfjs(device: "wasm" | "webgl" | "webgpu") {
  const { createTfjsBackend } = await import("@ppt-vit/backend-tfjs");
  if (device === "wasm") {
    const [{ setWasmPaths }, { env }] = await Promise.all([
      import("@tensorflow/tfjs-backend-wasm"),
      import("@tensorflow/tfjs-core"),
    ]);
    setWasmPaths(served("tfjs/"));
    // Its threads start from blobs, which the policy of headers.ts forbids.
    env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  }
  return createTfjsBackend({ device });
}

serveClassifiers({
  backends: {
    "onnx-wasm": () => onnx("wasm"),
    "onnx-webgpu": () => onnx("webgpu"),
    "tfjs-wasm": () => tfjs("wasm"),
    "tfjs-webgl": () => tfjs("webgl"),
    "tfjs-webgpu": () => tfjs("webgpu"),
  },
});

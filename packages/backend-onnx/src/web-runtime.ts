/**
 * ONNX Runtime Web, loaded when it is first used. Each `import()` of a runtime stands directly behind `await` in a `try` block,
 * which is how bundlers know that it may be missing. What is for builds by Vite stands before it, because Rollup leaves
 * `try` blocks whole.
 */
import { inViteBuild, PptError, runPart, type ViteWorker } from "@ppt-vit/core";
import { type LoadRuntime, loading, notLoaded, type OnnxRuntime } from "./runtime.js";

export const loadWebRuntime: LoadRuntime = async (device) => {
  if (device === "cpu")
    throw new PptError(
      "BACKEND_UNAVAILABLE",
      "device 'cpu' is native code and needs Node: pass device 'wasm' or 'webgpu'",
    );
  return loading(device, "onnxruntime-web", device === "webgpu" ? loadWebgpu : loadWasm);
};

// Each of these entries names one WebAssembly file: a page is not sent those of a device that it does not use.

async function loadWasm(): Promise<OnnxRuntime> {
  if (inViteBuild) return runPart("onnxruntime-web/wasm", viteParts.wasm);
  try {
    return await import("onnxruntime-web/wasm");
  } catch (cause) {
    throw notLoaded("wasm", "onnxruntime-web", cause);
  }
}

async function loadWebgpu(): Promise<OnnxRuntime> {
  if (inViteBuild) return runPart("onnxruntime-web/webgpu", viteParts.webgpu);
  try {
    return await import("onnxruntime-web/webgpu");
  } catch (cause) {
    throw notLoaded("webgpu", "onnxruntime-web", cause);
  }
}

/** Written out because Vite finds scripts by this very text. `SharedWorker`, not `Worker`: a name that is used globally would be changed. */
const viteParts = {
  wasm: (SharedWorker: ViteWorker) =>
    new SharedWorker(new URL(/* webpackIgnore: true */ "./vite/wasm.js", import.meta.url), { type: "module" }),
  webgpu: (SharedWorker: ViteWorker) =>
    new SharedWorker(new URL(/* webpackIgnore: true */ "./vite/webgpu.js", import.meta.url), { type: "module" }),
};

/**
 * Loads ONNX Runtime Web when it is first used. Each `import()` of a runtime stands directly behind `await` in a `try` block:
 * that tells bundlers that the package may be missing. The branch for builds by Vite stands before the block, because Rollup
 * leaves `try` blocks whole (docs/decisions/0014-bundlers.md).
 */
import { PptError } from "@ppt-vit/core";
import { inViteBuild, runPart, type ViteWorker } from "@ppt-vit/core/backend";
import { type LoadRuntime, loading, notLoaded } from "./runtime.js";
import type { OnnxRuntime } from "./runtime-types.js";

export const loadWebRuntime: LoadRuntime = async (device) => {
  if (device === "cpu")
    throw new PptError(
      "BACKEND_UNAVAILABLE",
      "device 'cpu' is native code and needs Node: pass device 'wasm' or 'webgpu'",
    );
  return loading(device, "onnxruntime-web", device === "webgpu" ? loadWebgpu : loadWasm);
};

// Each of these entries refers to one WebAssembly file, so a page downloads only the file of the device that it uses.

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

/**
 * Vite finds the scripts by this very text, so each is written out. The parameter is `SharedWorker` and not `Worker`: our own
 * build would rename a parameter whose name is also used as a global.
 */
const viteParts = {
  wasm: (SharedWorker: ViteWorker) =>
    new SharedWorker(new URL(/* webpackIgnore: true */ "./vite/wasm.js", import.meta.url), { type: "module" }),
  webgpu: (SharedWorker: ViteWorker) =>
    new SharedWorker(new URL(/* webpackIgnore: true */ "./vite/webgpu.js", import.meta.url), { type: "module" }),
};

/**
 * ONNX Runtime backend: programs traced into static ONNX graphs, run on native CPU, WebGPU or wasm, or written to files.
 * This entry is for Node and loads native runtimes; no other file mentions them, so bundles for browsers leave them out.
 */
import type { BackendDescriptor } from "@ppt-vit/core";
import { describeBackends, type OnnxBackend, type OnnxBackendOptions, openBackend } from "./backend.js";
import type { OnnxDevice } from "./devices.js";
import { isNode, type LoadRuntime, loading, notLoaded } from "./runtime.js";
import type { OnnxRuntime } from "./runtime-types.js";
import { loadWebRuntime } from "./web-runtime.js";

export * from "./public.js";

/**
 * A backend on ONNX Runtime.
 * @throws PptError BACKEND_UNAVAILABLE where the runtime is not installed or the device does not exist here,
 * UNSUPPORTED_DTYPE where the device cannot compute in `dtype`, INVALID_OPTION for threads or graph capture that cannot
 * be had here.
 */
export function createOnnxBackend(options: OnnxBackendOptions = {}): Promise<OnnxBackend> {
  return openBackend(options, loadRuntime);
}

/** The backends that can be asked for by name, one for each device. */
export const backends: readonly BackendDescriptor[] = /* @__PURE__ */ describeBackends(createOnnxBackend);

/** Native runtimes for `cpu` and `webgpu`; the only entry of ONNX Runtime Web that runs in Node for `wasm`. */
const loadRuntime: LoadRuntime = (device) => {
  if (!isNode) return loadWebRuntime(device);
  return device === "wasm"
    ? loading(device, "onnxruntime-web", loadWasm)
    : loading(device, "onnxruntime-node", () => loadNative(device));
};

async function loadNative(device: OnnxDevice): Promise<OnnxRuntime> {
  try {
    return await import("onnxruntime-node");
  } catch (cause) {
    throw notLoaded(device, "onnxruntime-node", cause);
  }
}

async function loadWasm(): Promise<OnnxRuntime> {
  try {
    return await import("onnxruntime-web");
  } catch (cause) {
    throw notLoaded("wasm", "onnxruntime-web", cause);
  }
}

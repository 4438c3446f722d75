/** The backend with native runtimes too. Only this file mentions them, which bundles for browsers leave out. */
import { type OnnxBackend, type OnnxBackendOptions, openBackend } from "./backend.js";
import { isNode, type LoadRuntime, loading, loadWebRuntime, notLoaded } from "./runtimes.js";
import type { OnnxDevice, OnnxRuntime } from "./session.js";

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

/** ONNX Runtime Web has one entry that runs in Node. */
async function loadWasm(): Promise<OnnxRuntime> {
  try {
    return await import("onnxruntime-web");
  } catch (cause) {
    throw notLoaded("wasm", "onnxruntime-web", cause);
  }
}

/**
 * A backend on ONNX Runtime.
 * @throws PptError BACKEND_UNAVAILABLE where the runtime is not installed or the device does not exist here,
 * UNSUPPORTED_DTYPE where the device cannot compute in `dtype`, INVALID_OPTION for threads or graph capture that cannot
 * be had here.
 */
export function createOnnxBackend(options: OnnxBackendOptions = {}): Promise<OnnxBackend> {
  return openBackend(options, loadRuntime);
}

/** The backend with native runtimes too. Only this file mentions them, which bundles for browsers leave out. */
import { type OnnxBackend, type OnnxBackendOptions, openBackend } from "./backend.js";
import { isNode, type LoadRuntime, loading, loadWebRuntime } from "./runtimes.js";

const loadRuntime: LoadRuntime = (device) =>
  isNode && device !== "wasm"
    ? loading(device, "onnxruntime-node", () => import("onnxruntime-node"))
    : loadWebRuntime(device);

/**
 * A backend on ONNX Runtime.
 * @throws PptError BACKEND_UNAVAILABLE where the runtime is not installed or the device does not exist here,
 * UNSUPPORTED_DTYPE where the device cannot compute in `dtype`, INVALID_OPTION for threads or graph capture that cannot
 * be had here.
 */
export function createOnnxBackend(options: OnnxBackendOptions = {}): Promise<OnnxBackend> {
  return openBackend(options, loadRuntime);
}

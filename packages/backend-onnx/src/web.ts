/** The backend on ONNX Runtime Web alone. */
import { type OnnxBackend, type OnnxBackendOptions, openBackend } from "./backend.js";
import { loadWebRuntime } from "./runtimes.js";

/** As in node.ts, without device `cpu`. */
export function createOnnxBackend(options: OnnxBackendOptions = {}): Promise<OnnxBackend> {
  return openBackend(options, loadWebRuntime);
}

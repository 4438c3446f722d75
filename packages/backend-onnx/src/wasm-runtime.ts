/** Loads ONNX Runtime Web with WebAssembly alone. See web-runtime.ts. */
import { inViteBuild, runPart, type VitePart } from "@ppt-vit/core/backend";
import { findBinary } from "./dev-server.js";
import { notLoaded } from "./runtime.js";
import type { OnnxRuntime } from "./runtime-types.js";

const part: VitePart = (SharedWorker, URL) =>
  new SharedWorker(new URL("./vite/wasm.js", import.meta.url), { type: "module" });

export async function loadWasm(): Promise<OnnxRuntime> {
  if (inViteBuild) return runPart("onnxruntime-web/wasm", part);
  try {
    return findBinary(await import("onnxruntime-web/wasm"), "ort-wasm-simd-threaded.wasm");
  } catch (cause) {
    throw notLoaded("wasm", "onnxruntime-web", cause);
  }
}

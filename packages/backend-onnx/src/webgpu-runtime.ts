/** Loads ONNX Runtime Web with WebGPU. See web-runtime.ts. */
import { inViteBuild, runPart, type VitePart } from "@ppt-vit/core/backend";
import { findBinary } from "./dev-server.js";
import { notLoaded } from "./runtime.js";
import type { OnnxRuntime } from "./runtime-types.js";

const part: VitePart = (SharedWorker, URL) =>
  new SharedWorker(new URL("./vite/webgpu.js", import.meta.url), { type: "module" });

export async function loadWebgpu(): Promise<OnnxRuntime> {
  if (inViteBuild) return runPart("onnxruntime-web/webgpu", part);
  try {
    return findBinary(await import("onnxruntime-web/webgpu"), "ort-wasm-simd-threaded.asyncify.wasm");
  } catch (cause) {
    throw notLoaded("webgpu", "onnxruntime-web", cause);
  }
}

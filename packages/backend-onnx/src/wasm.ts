/** `@ppt-vit/backend-onnx/wasm`: one device alone, for pages that ship the WebAssembly of no other. */
import type { BackendDescriptor } from "@ppt-vit/core";
import { describeBackend } from "./backend.js";
import { loading } from "./runtime.js";
import { loadWasm } from "./wasm-runtime.js";

/** The backend `onnx-wasm`, for `registerBackend` and `serveClassifiers` of `@ppt-vit/pipeline/slim`. */
export const onnxWasm: BackendDescriptor = /* @__PURE__ */ describeBackend("wasm", (device) =>
  loading(device, "onnxruntime-web", loadWasm),
);

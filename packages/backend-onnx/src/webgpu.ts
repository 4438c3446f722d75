/** `@ppt-vit/backend-onnx/webgpu`: one device alone, for pages that ship the WebAssembly of no other. */
import type { BackendDescriptor } from "@ppt-vit/core";
import { describeBackend } from "./backend.js";
import { loading } from "./runtime.js";
import { loadWebgpu } from "./webgpu-runtime.js";

/** The backend `onnx-webgpu`, for `registerBackend` and `serveClassifiers` of `@ppt-vit/pipeline/slim`. */
export const onnxWebgpu: BackendDescriptor = /* @__PURE__ */ describeBackend("webgpu", (device) =>
  loading(device, "onnxruntime-web", loadWebgpu),
);

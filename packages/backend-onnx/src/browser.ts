/** The entry that bundlers take for pages and workers: ONNX Runtime Web alone. The types are those of index.ts. */
import type { BackendDescriptor } from "@ppt-vit/core";
import { describeBackends, type OnnxBackend, type OnnxBackendOptions, openBackend } from "./backend.js";
import { loadWebRuntime } from "./web-runtime.js";

export * from "./public.js";

/** As in index.ts, without device `cpu`. */
export function createOnnxBackend(options: OnnxBackendOptions = {}): Promise<OnnxBackend> {
  return openBackend(options, loadWebRuntime);
}

export const backends: readonly BackendDescriptor[] = /* @__PURE__ */ describeBackends(createOnnxBackend);

/**
 * ONNX Runtime Web, loaded when it is first used. Each `import()` of a runtime stands directly behind `await` in a `try` block,
 * which is how bundlers know that it may be missing. What is for builds by Vite stands before it, because Rollup leaves
 * `try` blocks whole.
 */
import { inViteBuild, isPptError, namingViolations, PptError, runPart, type ViteWorker } from "@ppt-vit/core";
import { shortReason } from "./reasons.js";
import type { OnnxDevice, OnnxRuntime } from "./session.js";

export const isNode = typeof process === "object" && process.versions?.node !== undefined;

/** @throws PptError BACKEND_UNAVAILABLE where the package is not installed or the device does not exist here. */
export type LoadRuntime = (device: OnnxDevice) => Promise<OnnxRuntime>;

export const loadWebRuntime: LoadRuntime = async (device) => {
  if (device === "cpu")
    throw new PptError(
      "BACKEND_UNAVAILABLE",
      "device 'cpu' is native code and needs Node: pass device 'wasm' or 'webgpu'",
    );
  return loading(device, "onnxruntime-web", device === "webgpu" ? loadWebgpu : loadWasm);
};

// Each of these entries names one WebAssembly file: a page is not sent those of a device that it does not use.

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

/** Written out because Vite finds scripts by this very text. `SharedWorker`, not `Worker`: a name that is used globally would be changed. */
const viteParts = {
  wasm: (SharedWorker: ViteWorker) =>
    new SharedWorker(new URL(/* webpackIgnore: true */ "./vite/wasm.js", import.meta.url), { type: "module" }),
  webgpu: (SharedWorker: ViteWorker) =>
    new SharedWorker(new URL(/* webpackIgnore: true */ "./vite/webgpu.js", import.meta.url), { type: "module" }),
};

/** What `load` imports from the package `name`. */
export async function loading(
  device: OnnxDevice,
  name: string,
  load: () => Promise<OnnxRuntime>,
): Promise<OnnxRuntime> {
  try {
    return await namingViolations(`device '${device}' needs ${name}`, load);
  } catch (cause) {
    throw isPptError(cause) ? cause : notLoaded(device, name, cause);
  }
}

/** What became of loading the package `name`. */
export function notLoaded(device: OnnxDevice, name: string, cause: unknown): PptError {
  const notInstalled = (cause as { code?: unknown } | undefined)?.code === "ERR_MODULE_NOT_FOUND";
  const what = notInstalled ? "" : `, which could not be loaded (${shortReason(cause)})`;
  return new PptError("BACKEND_UNAVAILABLE", `device '${device}' needs ${name}${what}: npm install ${name}`, { cause });
}

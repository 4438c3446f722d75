/**
 * Loads ONNX Runtime Web when it is first used. Each of its entries refers to one WebAssembly file, so a page downloads only the
 * file of the device that it uses. Each entry is loaded by a file of its own, so that a bundle of one device holds no other.
 *
 * Each `import()` of a runtime stands directly behind `await` in a `try` block: that tells bundlers that the package may be
 * missing. The branch for builds by Vite stands before the block, because Rollup leaves `try` blocks whole
 * (docs/decisions/0014-bundlers.md). Vite finds the scripts by their very text, so each is written out. With the parameters
 * `SharedWorker` and `URL`, only Vite follows the address. A file that names a script must not share a chunk with code that uses
 * these globals: our own build would rename the parameters.
 */
import { PptError } from "@ppt-vit/core";
import { type LoadRuntime, loading } from "./runtime.js";
import { loadWasm } from "./wasm-runtime.js";
import { loadWebgpu } from "./webgpu-runtime.js";

export const loadWebRuntime: LoadRuntime = async (device) => {
  if (device === "cpu")
    throw new PptError(
      "BACKEND_UNAVAILABLE",
      "device 'cpu' is native code and needs Node: pass device 'wasm' or 'webgpu'",
    );
  return loading(device, "onnxruntime-web", device === "webgpu" ? loadWebgpu : loadWasm);
};

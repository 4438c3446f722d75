/** Vite's development server bundles dependencies into a folder of its own, and their WebAssembly does not follow. */
import type { OnnxRuntime } from "./runtime-types.js";

// Kept apart from `new URL(...)`: bundlers follow the two where they stand together.
const here: string = import.meta.url;

interface Configurable {
  readonly env?: { readonly wasm?: { wasmPaths?: unknown } };
}

/** Names the WebAssembly file `file` to a runtime that such a server has bundled. Packages lie beside the server's folder. */
export function findBinary(runtime: OnnxRuntime, file: string): OnnxRuntime {
  const wasm = (runtime as Configurable).env?.wasm;
  if (wasm && wasm.wasmPaths === undefined && here.includes("/node_modules/.vite/deps/"))
    wasm.wasmPaths = { wasm: new URL(`../../onnxruntime-web/dist/${file}`, here).href };
  return runtime;
}

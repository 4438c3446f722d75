/** Vite's development server bundles dependencies into a folder of its own, and their WebAssembly does not follow. */
import type { OnnxRuntime } from "./runtime-types.js";

// Its path is replaced as a text: Turbopack follows every `new URL(...)` that begins here.
const here: string = import.meta.url;
const ofServer = /\/node_modules\/\.vite\/deps\/.*$/;

interface Configurable {
  readonly env?: { readonly wasm?: { wasmPaths?: unknown } };
}

/** Names the WebAssembly file `file` to a runtime that such a server has bundled. Packages lie beside the server's folder. */
export function findBinary(runtime: OnnxRuntime, file: string): OnnxRuntime {
  const wasm = (runtime as Configurable).env?.wasm;
  if (wasm && wasm.wasmPaths === undefined && ofServer.test(here))
    wasm.wasmPaths = { wasm: here.replace(ofServer, `/node_modules/onnxruntime-web/dist/${file}`) };
  return runtime;
}

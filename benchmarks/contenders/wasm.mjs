/**
 * The wasm backend with each set of instructions against ONNX Runtime's wasm, on one thread or two:
 * `pnpm bench --contenders benchmarks/contenders/quantized.mjs benchmarks/contenders/wasm.mjs --models deit-s --batches 1
 * --reference onnx-wasm-plain --backends onnx-wasm-plain,onnx-wasm-standard:q8,onnx-wasm-1,onnx-wasm-1:q8,wasm-1,wasm-1:q8`
 *
 * Node 20 has no relaxed SIMD. `npx -y node@24 packages/cli/dist/main.js bench ...` measures with it, and
 * `wasm-1-simd` without it in the same engine.
 */
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { createWasmBackend } from "@ppt-vit/backend-wasm";
import { backendContender } from "./backend.mjs";

const opened = {
  "onnx-wasm-1": () => createOnnxBackend({ device: "wasm", threads: 1 }),
  "onnx-wasm-2": () => createOnnxBackend({ device: "wasm", threads: 2 }),
  "wasm-1": () => createWasmBackend({ threads: 1 }),
  "wasm-2": () => createWasmBackend({ threads: 2 }),
  "wasm-1-simd": () => createWasmBackend({ threads: 1, instructions: "simd" }),
};

export const contenders = Object.entries(opened).flatMap(([name, open]) => [
  backendContender(name, open),
  backendContender(`${name}:q8`, open, "q8"),
]);

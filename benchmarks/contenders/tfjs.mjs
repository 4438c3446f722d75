/**
 * TensorFlow.js without what the backend does for speed:
 * `pnpm bench --contenders benchmarks/contenders/tfjs.mjs --backends tfjs-wasm,tfjs-wasm:decomposed --reference tfjs-wasm:decomposed`
 */
import { createTfjsBackend } from "@ppt-vit/backend-tfjs";
import { backendContender } from "./backend.mjs";

export const contenders = [
  backendContender("tfjs-wasm:decomposed", () => createTfjsBackend({ device: "wasm", decomposed: true })),
];

/** A part of a build by Vite: see vite-parts.ts of the core. */
import * as loader from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import * as binary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import * as runtime from "onnxruntime-web/wasm";
import { offerRuntime } from "./offer.js";

offerRuntime("onnxruntime-web/wasm", runtime, loader, binary);

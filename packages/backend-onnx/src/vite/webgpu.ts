/** A part of a build by Vite: see vite-parts.ts of the core. */
import * as loader from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import * as binary from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import * as runtime from "onnxruntime-web/webgpu";
import { offerRuntime } from "./offer.js";

offerRuntime("onnxruntime-web/webgpu", runtime, loader, binary);

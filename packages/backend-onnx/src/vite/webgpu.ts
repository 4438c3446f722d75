/** A part of a build by Vite: see vite-parts.ts of the core. */
import { offerPart, partAddress } from "@ppt-vit/core";
import mjs from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import wasm from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import * as runtime from "onnxruntime-web/webgpu";

// Threads start from the loader's own file: the script that this part becomes does not know its address.
runtime.env.wasm.wasmPaths = { mjs: partAddress(mjs), wasm: partAddress(wasm) };
offerPart("onnxruntime-web/webgpu", runtime);

/** The backend packages whose names the pipeline knows, in the order of `backendNames`. To add one, write its file here and list it. */
import { cpu } from "./cpu.js";
import { onnx } from "./onnx.js";
import type { BackendPackage } from "./package.js";
import { tfjs } from "./tfjs.js";
import { wasm } from "./wasm.js";

export const knownPackages: readonly BackendPackage[] = [cpu, onnx, tfjs, wasm];

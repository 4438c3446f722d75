/** Runs in a page: the conformance suite on ONNX Runtime Web, bundled as an application would do it. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createOnnxBackend, type OnnxRuntime } from "@ppt-vit/backend-onnx";
import { conformanceCases } from "@ppt-vit/conformance";
import { keepDevice } from "../../packages/backend-onnx/test/keep-device.js";
import { runCases } from "./run-cases.js";

declare global {
  interface Window {
    runConformance: typeof runConformance;
  }
}

/** The runtime is not bundled, because it looks for its WebAssembly beside itself. */
export function loadOrt(device: "wasm" | "webgpu"): Promise<OnnxRuntime> {
  const url = `/ort/ort.${device === "webgpu" ? "webgpu" : "wasm"}.min.mjs`;
  return import(/* @vite-ignore */ url);
}

/** Failures of the cases whose names start with `prefix`, and how many ran and were skipped. */
async function runConformance(device: "wasm" | "webgpu", prefixes: string[]) {
  const ort = await loadOrt(device);
  if (device === "webgpu") await keepDevice(ort);
  const cases = await conformanceCases({
    create: () => createOnnxBackend({ device, ort }),
    reference: () => createCpuBackend(),
    readGolden: async (file) => new Uint8Array(await (await fetch(`/golden/${file}`)).arrayBuffer()),
  });
  return runCases(cases, prefixes);
}

window.runConformance = runConformance;

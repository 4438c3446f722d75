/** The device of this package, as plain data. The pipeline bundles a copy, so it knows the device without this package. */
import type { BackendDescription } from "@ppt-vit/core/backend";

export const devices: readonly BackendDescription[] = [
  {
    name: "wasm",
    title: "ppt-vit · WebAssembly",
    needs: "webassembly",
    // Before ONNX Runtime's WebAssembly, behind native runtimes and GPUs.
    rank: { node: 350, browser: 350 },
    // benchmarks/results/runs.ndjson, line 6
    imagesPerSecond: { node: 20.7 },
  },
];

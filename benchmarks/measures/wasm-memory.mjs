/**
 * Whether the memory of the wasm backend stays flat over many runs, on one thread and on more, in floats and in 8 bits.
 * `pnpm bench --benchmark benchmarks/measures/wasm-memory.mjs [--set runs=10000] [--set threads=1,2] [--set dtypes=fp32,q8]`
 *
 * The demo model runs with its own reduction, every tenth time with four pictures. Garbage is collected before each reading.
 * `growths` counts how often a WebAssembly memory grew since the reading before.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createWasmBackend } from "@ppt-vit/backend-wasm";
import { createVisionModel } from "@ppt-vit/core";
import { readCheckpoint } from "@ppt-vit/pipeline";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

let growths = 0;
const { grow } = WebAssembly.Memory.prototype;
WebAssembly.Memory.prototype.grow = function (pages) {
  growths++;
  return grow.call(this, pages);
};

export async function measure({ settings, tell }) {
  const runs = Number(settings.runs ?? 10_000);
  const { threads = "1,2", dtypes = "fp32,q8" } = settings;
  const { config, weights, reduction } = await readCheckpoint("demo");
  const measurements = [];
  for (const count of threads.split(","))
    for (const dtype of dtypes.split(",")) {
      const backend = createWasmBackend({ threads: Number(count) });
      const quantize = dtype === "q8" ? dtype : undefined;
      const model = await createVisionModel({ config, weights, reduction, quantize, backend });
      const pixels = config.channels * config.imageSize[0] * config.imageSize[1];
      const pixelValues = Float32Array.from({ length: 4 * pixels }, (_, i) => Math.sin(i * 0.11));
      for (let run = 1; run <= runs; run++) {
        const batch = run % 10 === 0 ? 4 : 1;
        await model.run({ pixelValues: pixelValues.subarray(0, batch * pixels), batch });
        if (run !== runs && run % Math.ceil(runs / 10) !== 0 && run !== 100) continue;
        tell(`${dtype}, threads: ${count}, ${run} runs`);
        // Finalisers run in turns of their own.
        await new Promise((resolve) => setTimeout(resolve, 20));
        collect();
        const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
        const facts = {
          run,
          rssBytes: rss,
          heapBytes: heapUsed,
          externalBytes: external,
          arrayBytes: arrayBuffers,
          growths,
        };
        growths = 0;
        measurements.push({ name: `${dtype}, threads: ${count}, ${run} runs`, facts });
      }
      await model.dispose();
      await backend.dispose();
    }
  return { settings: { model: "demo", runs, threads, dtypes }, measurements };
}

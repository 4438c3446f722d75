/**
 * Whether the memory of the wasm backend stays flat over many runs, on one thread and on more, in floats and in 8 bits.
 * `pnpm bench --benchmark benchmarks/measures/wasm-memory.mjs [--set runs=10000] [--set threads=1,2] [--set dtypes=fp32,q8]`
 *
 * A small model with PPT runs, every tenth time with four pictures. Its products are just large enough that
 * threads share them. Garbage is collected before each reading.
 * `growths` counts how often a WebAssembly memory grew since the reading before.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createWasmBackend } from "@ppt-vit/backend-wasm";
import { createVisionModel, parseModelConfig, randomWeights, weightsFrom } from "@ppt-vit/core";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

const config = parseModelConfig({
  model_type: "vit",
  hidden_size: 128,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  intermediate_size: 512,
  image_size: 64,
  patch_size: 8,
  num_labels: 10,
});
const reduction = { layers: [1, 2], tokensRemoved: 12, threshold: { scaleFree: 0.6 } };

let growths = 0;
const { grow } = WebAssembly.Memory.prototype;
WebAssembly.Memory.prototype.grow = function (pages) {
  growths++;
  return grow.call(this, pages);
};

export async function measure({ settings, tell }) {
  const runs = Number(settings.runs ?? 10_000);
  const { threads = "1,2", dtypes = "fp32,q8" } = settings;
  const weights = weightsFrom(randomWeights(config, 1));
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
  return { settings: { reduction, runs, threads, dtypes }, measurements };
}

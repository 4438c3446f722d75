/** `node --expose-gc sustained.mjs DEVICE THREADS`: prints the memory held before and after 2,000 inferences. */
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { tinyConfig } from "@ppt-vit/conformance";
import { createVisionModel, randomWeights, weightsFrom } from "@ppt-vit/core";

// The heap of the wasm runtime, which it makes itself and shows nowhere.
const heaps = [];
WebAssembly.Memory = class extends WebAssembly.Memory {
  constructor(descriptor) {
    super(descriptor);
    heaps.push(this);
  }
};

const [device, threads] = process.argv.slice(2);
const backend = await createOnnxBackend({ device, threads: Number(threads) });
const model = await createVisionModel({
  config: tinyConfig,
  weights: weightsFrom(randomWeights(tinyConfig, 1)),
  backend,
  reduction: { layers: [0, 1], tokensRemoved: 3, threshold: { scaleFree: 0.6 } },
  outputs: { source: true, scores: true },
});
const pixelValues = Float32Array.from({ length: 2 * 3 * 20 * 12 }, (_, i) => Math.sin(i * i));
const held = async () => {
  // Twice: what the first one finds is freed in the background.
  gc();
  await new Promise(setImmediate);
  gc();
  const { rss, arrayBuffers, heapUsed } = process.memoryUsage();
  return { rss, arrayBuffers, heapUsed, wasm: heaps.reduce((sum, { buffer }) => sum + buffer.byteLength, 0) };
};
const report = [];
// The first ones are for the compilers of JavaScript and WebAssembly, which take memory of their own.
for (let run = 1; run <= 3000; run++) {
  await model.run({ pixelValues, batch: 2 });
  if (run === 1000 || run === 3000) report.push(await held());
}
await model.dispose();
await backend.dispose();
console.log(JSON.stringify(report));

/**
 * `node --expose-gc sustained.mjs DEVICE [THREADS]`: prints what is held before and after 2,000 inferences, and before and
 * after 20 backends were opened and disposed. On WebGPU, which is slow in software, of two kernels instead of a model.
 */
import { readdirSync } from "node:fs";
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
const pixelValues = Float32Array.from({ length: 2 * 3 * 20 * 12 }, (_, i) => Math.sin(i * i));
const backendOf = () => createOnnxBackend({ device, ...(threads && { threads: Number(threads) }) });

async function openModel() {
  const backend = await backendOf();
  const model = await createVisionModel({
    config: tinyConfig,
    weights: weightsFrom(randomWeights(tinyConfig, 1)),
    backend,
    reduction: { layers: [0, 1], tokensRemoved: 3, threshold: { scaleFree: 0.6 } },
    outputs: { source: true, scores: true },
  });
  return {
    run: () => model.run({ pixelValues, batch: 2 }),
    async dispose() {
      await model.dispose();
      await backend.dispose();
    },
  };
}

async function openKernels() {
  const backend = await backendOf();
  const program = (ops, _params, { x }) => ({ y: ops.mul(ops.exp(x), x) });
  const executable = await backend.compile(program, { params: {}, inputs: { x: [-1, pixelValues.length / 2] } });
  return {
    run: () => executable.run({ x: { shape: [2, pixelValues.length / 2], data: pixelValues } }),
    dispose: () => backend.dispose(),
  };
}

const open = device === "webgpu" ? openKernels : openModel;

/** Entries of a folder of /proc: open files, threads. None where there is no such folder. */
const count = (path) => {
  try {
    return readdirSync(path).length;
  } catch {
    return 0;
  }
};

async function held() {
  // Twice: what the first one finds is freed in the background.
  gc();
  await new Promise(setImmediate);
  gc();
  const { rss, arrayBuffers, heapUsed } = process.memoryUsage();
  const wasm = heaps.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  return { rss, arrayBuffers, heapUsed, wasm, files: count("/proc/self/fd"), threads: count("/proc/self/task") };
}

const sustained = await open();
const report = [];
// The first ones are for the compilers of JavaScript and WebAssembly, which take memory of their own.
for (let run = 1; run <= 3000; run++) {
  await sustained.run();
  if (run === 1000 || run === 3000) report.push(await held());
}
await sustained.dispose();
for (let round = 0; round < 25; round++) {
  const once = await open();
  await once.run();
  await once.dispose();
  if (round === 4 || round === 24) report.push(await held());
}
console.log(JSON.stringify(report));

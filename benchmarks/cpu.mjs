/**
 * CPU backend on the demo model (DeiT-Ti geometry): unreduced against PPT, what each fused kernel is worth, and whether
 * memory grows. `pnpm bench:cpu [--runs 30] [--out FILE]`; pin it to one core with `taskset -c 0` where that exists.
 *
 * All contenders live in one process and take turns image by image, so that a busy machine slows all of them alike: read
 * the ratios. Nothing here uses a second thread, so one process is fair to every contender.
 */
import { writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createVisionModel, modelCost, processImageInto } from "@ppt-vit/core";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import { decodeImage, readCheckpoint } from "@ppt-vit/pipeline";
import { environment, median, quantile } from "./environment.mjs";

const { values: flags } = parseArgs({ options: { runs: { type: "string", default: "30" }, out: { type: "string" } } });
const runs = Number(flags.runs);
const warmUp = 3;

const { config, preprocessing, weights, reduction } = await readCheckpoint("demo");
const folder = fileURLToPath(demoSamplesUrl);
const files = (await readdir(folder)).filter((name) => name.endsWith(".png")).sort();
const images = await Promise.all(
  files.map(async (file) => {
    const pixels = new Float32Array(3 * config.imageSize[0] * config.imageSize[1]);
    processImageInto(await decodeImage(folder + file), preprocessing, pixels);
    return pixels;
  }),
);

const contenders = {
  unreduced: {},
  ppt: { reduction },
  "ppt, prune only": { reduction: { ...reduction, threshold: "prune" } },
  "ppt, pool only": { reduction: { ...reduction, threshold: "pool" } },
  "ppt, compressTokens decomposed": { reduction, decomposed: ["compressTokens"] },
  "ppt, attention decomposed": { reduction, decomposed: ["attention"] },
  "ppt, layerNorm decomposed": { reduction, decomposed: ["layerNorm"] },
  "ppt, activation decomposed": { reduction, decomposed: ["activation"] },
  "ppt, linear decomposed": { reduction, decomposed: ["linear"] },
};

const cells = [];
for (const [name, { reduction, decomposed = false }] of Object.entries(contenders)) {
  const start = performance.now();
  const model = await createVisionModel({ config, weights, backend: createCpuBackend({ decomposed }), reduction });
  const loadMs = performance.now() - start;
  const firstStart = performance.now();
  await model.run({ pixelValues: images[0], batch: 1 });
  const firstRunMs = performance.now() - firstStart;
  cells.push({ name, model, gmacs: modelCost(config, reduction).gmacs, loadMs, firstRunMs, times: [] });
}

for (let run = -warmUp; run < runs; run++) {
  for (const cell of cells) {
    const start = performance.now();
    await cell.model.run({ pixelValues: images[(run + warmUp) % images.length], batch: 1 });
    if (run >= 0) cell.times.push(performance.now() - start);
  }
  process.stderr.write(`\r${Math.max(run + 1, 0)}/${runs} rounds`);
}
process.stderr.write("\n");

/** Ratios and differences are taken round by round, between neighbours in time, and their median reported. */
const paired = (reference, times, compare) => median(times.map((time, round) => compare(reference.times[round], time)));
const [unreduced, ppt] = cells;
const results = cells.map(({ name, gmacs, loadMs, firstRunMs, times }) => {
  const medianMs = median(times);
  return {
    contender: name,
    batch: 1,
    gmacs,
    loadMs,
    firstRunMs,
    medianMs,
    p90Ms: quantile(times, 0.9),
    imagesPerSecond: 1000 / medianMs,
    speedup: paired(unreduced, times, (before, after) => before / after),
    slowerThanPptMs: paired(ppt, times, (before, after) => after - before),
    gmacPerSecond: (1000 * gmacs) / medianMs,
  };
});

// Memory over 200 runs, read after a collection where node was started with --expose-gc.
const memory = [];
for (let run = 0; run < 200; run++) {
  await ppt.model.run({ pixelValues: images[run % images.length], batch: 1 });
  if (run === 9 || run === 99 || run === 199) {
    globalThis.gc?.();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    memory.push({ afterRuns: run + 1, heapUsed, arrayBuffers });
  }
}

const document = {
  benchmark: "cpu",
  ...environment(),
  collected: globalThis.gc !== undefined,
  settings: { model: "demo", reduction, runs, warmUp },
  results,
  memory,
};
console.table(
  results.map(({ contender, medianMs, p90Ms, speedup, slowerThanPptMs, gmacPerSecond }) => ({
    contender,
    "median ms": medianMs.toFixed(0),
    "p90 ms": p90Ms.toFixed(0),
    speedup: speedup.toFixed(2),
    "slower than PPT, ms": slowerThanPptMs.toFixed(1),
    "GMAC/s": gmacPerSecond.toFixed(2),
  })),
);
console.table(memory);
if (flags.out) writeFileSync(flags.out, `${JSON.stringify(document, null, 2)}\n`);

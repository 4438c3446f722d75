/**
 * One contender of tfjs.mjs, in a process of its own: compiles one model, then takes a turn whenever the parent asks.
 * In: `{ model, batch, device, contender }` as the first message, then `{ runs }` for a turn, or "finish".
 */
import { createTfjsBackend } from "@ppt-vit/backend-tfjs";
import { hostTensor, modelCost, prepareVisionProgram, publishedReduction } from "@ppt-vit/core";
import { engine, memory } from "@tensorflow/tfjs-core";
import { randomModel } from "./geometries.mjs";
import { peakMemoryBytes } from "./peak-memory.mjs";

/** Published settings; with random weights the variances lie near the threshold, so both policies are computed. */
const contenders = {
  unreduced: {},
  ppt: { reduction: publishedReduction },
  "unreduced, default decompositions": { decomposed: true },
  "ppt, default decompositions": { reduction: publishedReduction, decomposed: true },
};

let executable;
let feeds;

async function open({ model, batch, device, contender }) {
  const start = performance.now();
  const { config, weights } = randomModel(model);
  const { reduction, decomposed } = contenders[contender];
  const { program, ...options } = prepareVisionProgram({ config, weights, reduction });
  const backend = await createTfjsBackend({ device, decomposed });
  executable = await backend.compile(program, options);
  const pixels = hostTensor([batch, 3, 224, 224], (i) => Math.sin(i * 0.01) + 0.3 * Math.sin(i * 0.37));
  feeds = { pixel_values: pixels };
  return { loadMs: performance.now() - start, gmacs: modelCost(config, reduction).gmacs };
}

/** Values go up and logits come down inside the clock. The processor's time tells more where others use it too. */
async function run() {
  const start = performance.now();
  const cpuBefore = process.cpuUsage();
  await executable.run(feeds);
  const { user, system } = process.cpuUsage(cpuBefore);
  return { ms: performance.now() - start, cpuMs: (user + system) / 1000 };
}

/** The first run of a turn finds the caches full of other contenders' weights, so it comes apart. */
async function turn(runs) {
  const first = await run();
  const counted = [];
  for (let i = 0; i < runs; i++) counted.push(await run());
  return { first, counted };
}

process.on("message", async (message) => {
  if (message === "finish") {
    const { numTensors, numBytes } = memory();
    const facts = { engine: engine().backendName, numTensors, tensorBytes: numBytes };
    process.send({ ...facts, peakMemoryBytes: peakMemoryBytes() }, () => process.exit(0));
  } else if (executable) {
    process.send(await turn(message.runs));
  } else process.send(await open(message));
});

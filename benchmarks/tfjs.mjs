/**
 * TensorFlow.js: PPT against the unreduced model, each also without what the backend does for speed.
 * `pnpm bench:tfjs [--model deit-s] [--batch 8] [--device wasm] [--rounds 10] [--runs 2] [--out FILE]`
 *
 * As in onnx.mjs, each contender is a process of its own, and they take turns.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { version_core } from "@tensorflow/tfjs-core";
import { pauseMs, speedup, startCells, takeTurns } from "./contest.mjs";
import { environment, median, quantile } from "./environment.mjs";

const { values: flags } = parseArgs({
  options: {
    model: { type: "string", default: "deit-s" },
    batch: { type: "string", default: "8" },
    device: { type: "string", default: "wasm" },
    rounds: { type: "string", default: "10" },
    runs: { type: "string", default: "2" },
    out: { type: "string" },
  },
});
const settings = { model: flags.model, batch: Number(flags.batch), device: flags.device };
const [rounds, runs] = [Number(flags.rounds), Number(flags.runs)];
const warmUpRounds = 1;
/** Each contender, and the unreduced one that is computed alike. */
const alike = {
  unreduced: "unreduced",
  ppt: "unreduced",
  "unreduced, default decompositions": "unreduced, default decompositions",
  "ppt, default decompositions": "unreduced, default decompositions",
};

const cells = await startCells("tfjs-cell.mjs", Object.keys(alike), settings);
for (const cell of cells) cell.firstRunMs = (await cell.ask({ runs: 0 })).first.ms;
await takeTurns(cells, { rounds, warmUpRounds }, async (cell) => (await cell.ask({ runs })).counted);

const turnMedians = (name, field) =>
  cells
    .find(({ contender }) => contender === name)
    .turns.map((turn) => median(turn.map((measured) => measured[field])));
const speedupOverAlike = (contender, field) =>
  speedup(turnMedians(alike[contender], field), turnMedians(contender, field));
const results = [];
for (const { contender, ask, loaded, firstRunMs, turns } of cells) {
  const facts = await ask("finish");
  const times = turns.flat().map(({ ms }) => ms);
  const medianMs = median(times);
  results.push({
    contender,
    ...loaded,
    firstRunMs,
    medianMs,
    p90Ms: quantile(times, 0.9),
    medianCpuMs: median(turns.flat().map(({ cpuMs }) => cpuMs)),
    imagesPerSecond: (1000 * settings.batch) / medianMs,
    speedupOverUnreducedAlike: speedupOverAlike(contender, "ms"),
    speedupByCpuTime: speedupOverAlike(contender, "cpuMs"),
    effectiveGflops: (2 * loaded.gmacs * settings.batch * 1000) / medianMs,
    ...facts,
  });
}

const document = {
  benchmark: "tfjs",
  ...environment(),
  versions: { "@tensorflow/tfjs-core": version_core },
  settings: {
    ...settings,
    // TensorFlow.js starts no threads for wasm in Node.
    threads: settings.device === "wasm" ? 1 : null,
    rounds,
    runs,
    warmUpRounds,
    pauseMs,
    reduction: "published: blocks 3, 6, 9, 50 tokens, threshold 7e-5",
  },
  results,
};
console.table(
  results.map((result) => ({
    contender: result.contender,
    "median ms": result.medianMs.toFixed(1),
    "p90 ms": result.p90Ms.toFixed(1),
    "CPU ms": result.medianCpuMs.toFixed(1),
    "images/s": result.imagesPerSecond.toFixed(2),
    "x unreduced alike": result.speedupOverUnreducedAlike.toFixed(2),
    "by CPU time": result.speedupByCpuTime.toFixed(2),
    "GFLOP/s": result.effectiveGflops.toFixed(1),
    "load ms": result.loadMs.toFixed(0),
    "peak MB": (result.peakMemoryBytes / 1e6).toFixed(0),
  })),
);
if (flags.out) writeFileSync(flags.out, `${JSON.stringify(document, null, 2)}\n`);

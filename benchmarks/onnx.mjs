/**
 * ONNX Runtime, native CPU: PPT against the unreduced model with the same optimisations, and against a plain export.
 * `pnpm bench:onnx [--model deit-s] [--batch 8] [--threads 2] [--rounds 20] [--out FILE]`
 *
 * Each contender has one session in one process of its own. They take turns run by run, so that a busy machine slows all
 * of them alike; speedups are medians of ratios between neighbours in time.
 */
import { fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as ort from "onnxruntime-node";
import { environment, median, quantile } from "./environment.mjs";

const { values: flags } = parseArgs({
  options: {
    model: { type: "string", default: "deit-s" },
    batch: { type: "string", default: "8" },
    threads: { type: "string", default: "2" },
    rounds: { type: "string", default: "20" },
    out: { type: "string" },
  },
});
const settings = { model: flags.model, batch: Number(flags.batch), threads: Number(flags.threads) };
const rounds = Number(flags.rounds);
const warmUp = 3;
/** Each contender, and the unreduced one that is optimised alike. */
const alike = {
  plain: "plain",
  unreduced: "unreduced",
  ppt: "unreduced",
  "unreduced, fused operators": "unreduced, fused operators",
  "ppt, fused operators": "unreduced, fused operators",
};

const cells = [];
for (const contender of Object.keys(alike)) {
  const child = fork(fileURLToPath(new URL("onnx-cell.mjs", import.meta.url)));
  let answer;
  child.on("message", (message) => answer.resolve(message));
  child.on("exit", (code) => answer.reject(new Error(`${contender}: its process ended with code ${code}`)));
  const ask = (message) =>
    new Promise((resolve, reject) => {
      answer = { resolve, reject };
      child.send(message);
    });
  cells.push({
    contender,
    ask,
    loaded: await ask({ ...settings, contender }),
    firstRunMs: await ask("run"),
    times: [],
  });
}
for (let round = -warmUp; round < rounds; round++) {
  for (const cell of cells) {
    const time = await cell.ask("run");
    if (round >= 0) cell.times.push(time);
  }
  process.stderr.write(`\r${Math.max(round + 1, 0)}/${rounds} rounds`);
}
process.stderr.write("\n");

const timesOf = (name) => cells.find(({ contender }) => contender === name).times;
const speedupOver = (reference, times) => median(times.map((time, round) => timesOf(reference)[round] / time));
const results = [];
for (const { contender, ask, loaded, firstRunMs, times } of cells) {
  const { peakMemoryBytes } = await ask("finish");
  const medianMs = median(times);
  results.push({
    contender,
    ...loaded,
    firstRunMs,
    medianMs,
    p90Ms: quantile(times, 0.9),
    imagesPerSecond: (1000 * settings.batch) / medianMs,
    speedupOverPlain: speedupOver("plain", times),
    speedupOverUnreducedAlike: speedupOver(alike[contender], times),
    effectiveGflops: (2 * loaded.gmacs * settings.batch * 1000) / medianMs,
    peakMemoryBytes,
  });
}

const document = {
  benchmark: "onnx-cpu",
  ...environment(),
  versions: { "onnxruntime-node": ort.env.versions.node ?? ort.env.versions.common },
  settings: { ...settings, rounds, warmUp, reduction: "published: blocks 3, 6, 9, 50 tokens, threshold 7e-5" },
  results,
};
console.table(
  results.map(
    ({
      contender,
      medianMs,
      p90Ms,
      imagesPerSecond,
      speedupOverPlain,
      speedupOverUnreducedAlike,
      effectiveGflops,
    }) => ({
      contender,
      "median ms": medianMs.toFixed(1),
      "p90 ms": p90Ms.toFixed(1),
      "images/s": imagesPerSecond.toFixed(1),
      "x plain": speedupOverPlain.toFixed(2),
      "x unreduced alike": speedupOverUnreducedAlike.toFixed(2),
      "GFLOP/s": effectiveGflops.toFixed(0),
    }),
  ),
);
if (flags.out) writeFileSync(flags.out, `${JSON.stringify(document, null, 2)}\n`);

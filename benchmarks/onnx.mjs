/**
 * ONNX Runtime, native CPU: PPT against the unreduced model with the same optimisations, and against a plain export.
 * `pnpm bench:onnx [--model deit-s] [--batch 8] [--threads 2] [--rounds 20] [--runs 5] [--plain FILE.onnx] [--out FILE]`
 *
 * Each contender has one session in one process of its own. They take turns of a few runs, so that a busy machine slows
 * all of them alike; speedups are medians, over the rounds, of ratios between turns that were neighbours in time.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import * as ort from "onnxruntime-node";
import { pauseMs, speedup, startCells, takeTurns } from "./contest.mjs";
import { environment, median, quantile } from "./environment.mjs";
import { measurePeakMatmul } from "./onnx-peak.mjs";

const { values: flags } = parseArgs({
  options: {
    model: { type: "string", default: "deit-s" },
    batch: { type: "string", default: "8" },
    threads: { type: "string", default: "2" },
    rounds: { type: "string", default: "20" },
    runs: { type: "string", default: "5" },
    plain: { type: "string" },
    out: { type: "string" },
  },
});
const settings = { model: flags.model, batch: Number(flags.batch), threads: Number(flags.threads) };
const [rounds, runs] = [Number(flags.rounds), Number(flags.runs)];
const warmUpRounds = 1;
/** Each contender, and the unreduced one that is optimised alike. */
const alike = {
  plain: "plain",
  ...(flags.plain && { "plain, from file": "plain, from file" }),
  unreduced: "unreduced",
  ppt: "unreduced",
  "unreduced, fused operators": "unreduced, fused operators",
  "ppt, fused operators": "unreduced, fused operators",
};

const cells = await startCells("onnx-cell.mjs", Object.keys(alike), { ...settings, file: flags.plain });
for (const cell of cells) cell.firstRunMs = (await cell.ask({ runs: 0 })).first;
await takeTurns(cells, { rounds, warmUpRounds }, async (cell) => (await cell.ask({ runs })).times);

const turnMedians = (name) => cells.find(({ contender }) => contender === name).turns.map(median);
const speedupOver = (reference, contender) => speedup(turnMedians(reference), turnMedians(contender));
const results = [];
for (const { contender, ask, loaded, firstRunMs, turns } of cells) {
  const { peakMemoryBytes } = await ask("finish");
  const medianMs = median(turns.flat());
  results.push({
    contender,
    ...loaded,
    firstRunMs,
    medianMs,
    p90Ms: quantile(turns.flat(), 0.9),
    imagesPerSecond: (1000 * settings.batch) / medianMs,
    speedupOverPlain: speedupOver("plain", contender),
    speedupOverUnreducedAlike: speedupOver(alike[contender], contender),
    effectiveGflops: (2 * loaded.gmacs * settings.batch * 1000) / medianMs,
    peakMemoryBytes,
  });
}
const peakGflops = await measurePeakMatmul(settings.threads);

const document = {
  benchmark: "onnx-cpu",
  ...environment(),
  versions: { "onnxruntime-node": ort.env.versions.node ?? ort.env.versions.common },
  settings: {
    ...settings,
    rounds,
    runs,
    warmUpRounds,
    pauseMs,
    reduction: "published: blocks 3, 6, 9, 50 tokens, threshold 7e-5",
  },
  peakMatmulGflops: peakGflops,
  results,
};
console.table(
  results.map((result) => ({
    contender: result.contender,
    "median ms": result.medianMs.toFixed(1),
    "p90 ms": result.p90Ms.toFixed(1),
    "images/s": result.imagesPerSecond.toFixed(1),
    "x plain": result.speedupOverPlain.toFixed(2),
    "x unreduced alike": result.speedupOverUnreducedAlike.toFixed(2),
    "GFLOP/s": result.effectiveGflops.toFixed(0),
    "load ms": result.loadMs.toFixed(0),
    "peak MB": (result.peakMemoryBytes / 1e6).toFixed(0),
  })),
);
console.log(`peak matmul of this machine, ${settings.threads} threads: ${peakGflops.toFixed(0)} GFLOP/s`);
if (flags.out) writeFileSync(flags.out, `${JSON.stringify(document, null, 2)}\n`);

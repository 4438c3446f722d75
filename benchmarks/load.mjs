/**
 * How long a full-size checkpoint takes to load from disk, and how much memory that takes at most.
 * `pnpm bench:load [--models deit-s,deit-b,vit-b,dinov2-s] [--backends cpu,onnx-cpu] [--runs 5] [--out FILE]`
 *
 * Each load is a process of its own: `fromPretrained` on a folder with float32 weights, from its call until the model is
 * ready to run. Memory is the process's peak, less that of a process that imports the same packages and loads nothing;
 * the share of the runtime's own libraries is given beside it. The files are in the system's file cache.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as ort from "onnxruntime-node";
import { environment, median, quantile } from "./environment.mjs";

const { values: flags } = parseArgs({
  options: {
    models: { type: "string", default: "deit-s,deit-b,vit-b,dinov2-s" },
    backends: { type: "string", default: "cpu,onnx-cpu" },
    runs: { type: "string", default: "5" },
    out: { type: "string" },
  },
});
const runs = Number(flags.runs);
const cell = (...args) =>
  JSON.parse(execFileSync(process.execPath, [fileURLToPath(new URL("load-cell.mjs", import.meta.url)), ...args]));

const folder = mkdtempSync(join(tmpdir(), "ppt-vit-load-"));
const results = [];
try {
  for (const model of flags.models.split(",")) {
    const checkpoint = join(folder, model);
    mkdirSync(checkpoint);
    // In a process of its own, too: making random weights takes more memory than loading them.
    const { fileBytes } = cell("make", model, checkpoint);
    for (const backend of flags.backends.split(",")) {
      const { peakBytes: emptyBytes } = cell("empty", backend);
      const loads = Array.from({ length: runs }, () => cell("load", backend, checkpoint));
      const times = loads.map(({ loadMs }) => loadMs);
      const peakBytes = median(loads.map((load) => load.peakBytes - emptyBytes));
      const timing = { loadMs: median(times), loadP90Ms: quantile(times, 0.9) };
      results.push({
        model,
        backend,
        fileBytes,
        ...timing,
        emptyBytes,
        peakBytes,
        peakOverFile: peakBytes / fileBytes,
      });
    }
    rmSync(checkpoint, { recursive: true });
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.table(
  results.map((result) => ({
    model: result.model,
    backend: result.backend,
    "file MB": (result.fileBytes / 1e6).toFixed(0),
    "load ms": result.loadMs.toFixed(0),
    "p90 ms": result.loadP90Ms.toFixed(0),
    "peak MB": (result.peakBytes / 1e6).toFixed(0),
    "x file": result.peakOverFile.toFixed(2),
    "empty MB": (result.emptyBytes / 1e6).toFixed(0),
  })),
);
if (flags.out)
  writeFileSync(
    flags.out,
    `${JSON.stringify({ benchmark: "load", ...environment(), versions: { "onnxruntime-node": ort.env.versions.node ?? ort.env.versions.common }, settings: { runs }, results }, null, 2)}\n`,
  );

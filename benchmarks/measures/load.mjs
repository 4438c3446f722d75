/**
 * How long a full-size checkpoint takes to load from disk, and how much memory that takes at most.
 * `pnpm bench --benchmark benchmarks/measures/load.mjs [--set models=deit-s,deit-b] [--set backends=cpu] [--set dtypes=fp32,q8]
 * [--set stored=F32,BF16] [--set runs=5]`
 *
 * Each load is a process: `fromPretrained` on a folder, from its call until the model is ready to run. `stored` is the type of
 * the weights in the file. `peakBytes` is the peak of that process, less that of a process that imports the same packages and
 * loads nothing. `peakOverFile` divides it by the size of the file that was read, whatever the weights become. `runtimeBytes`
 * is the part that the runtime itself takes before it has any weights, such as the compiled code of a WebAssembly module.
 * The files are in the system's file cache.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, quantile } from "@ppt-vit/pipeline";

const script = fileURLToPath(new URL("../load-cell.mjs", import.meta.url));
const cell = (...args) => JSON.parse(execFileSync(process.execPath, [script, ...args]));

export async function measure({ settings, tell, geometry }) {
  const { models = "deit-s,deit-b,vit-b,dinov2-s", backends = "cpu,onnx-cpu", runs = "5" } = settings;
  const { dtypes = "fp32", stored = "F32" } = settings;
  const folder = mkdtempSync(join(tmpdir(), "ppt-vit-load-"));
  const measurements = [];
  try {
    for (const model of models.split(","))
      for (const type of stored.split(",")) {
        const checkpoint = join(folder, model);
        mkdirSync(checkpoint);
        writeFileSync(join(checkpoint, "config.json"), JSON.stringify(geometry(model)));
        // In a process of its own: making random weights takes more memory than loading them.
        const { fileBytes } = cell("make", checkpoint, type);
        for (const backend of backends.split(",")) {
          const { peakBytes: emptyBytes } = cell("empty", backend);
          const runtimeBytes = cell("runtime", backend).peakBytes - emptyBytes;
          for (const dtype of dtypes.split(",")) {
            const name = `${model} in ${type}, ${backend}, ${dtype}`;
            tell(name);
            const loads = Array.from({ length: Number(runs) }, () => cell("load", backend, checkpoint, dtype));
            const times = loads.map(({ loadMs }) => loadMs);
            const peakBytes = median(loads.map((load) => load.peakBytes - emptyBytes));
            const facts = { model, stored: type, backend, dtype, fileBytes, loadMs: median(times) };
            const memory = { emptyBytes, runtimeBytes, peakBytes, peakOverFile: peakBytes / fileBytes };
            measurements.push({ name, facts: { ...facts, loadP90Ms: quantile(times, 0.9), ...memory } });
          }
        }
        rmSync(checkpoint, { recursive: true });
      }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { settings: { models, stored, backends, dtypes, runs: Number(runs) }, measurements };
}

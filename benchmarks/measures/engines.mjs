/**
 * Whether a job that an engine runs, and whose workers are killed at random moments, gives the file of one uninterrupted run.
 * `pnpm bench --benchmark benchmarks/measures/engines.mjs [--set pictures=20000] [--set engines=slurm,bullmq] [--set model=demo]
 * [--set sha256=HASH]`
 *
 * The checks are those of `npm run engines`, which fail if a row differs. `sha256` is that of the merged file, which both runs have. If it is
 * given, from such a run before, no uninterrupted run is made.
 * `killed` tells how many parts were done when a worker was killed. Times are those of a machine with other work.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeBench } from "../../scripts/engines/bench.mjs";
import { engines } from "../../scripts/engines/index.mjs";

export async function measure({ settings, tell }) {
  const { pictures = "20000", engines: names = "slurm,bullmq", model = "demo", sha256: known } = settings;
  const chosen = names.split(",").map((name) => engines.find((engine) => engine.name === name));
  for (const engine of chosen) {
    const lacking = engine ? engine.lacks() : `one of ${engines.map(({ name }) => name).join(", ")}`;
    if (lacking !== undefined) throw new Error(`${names}: needs ${lacking}`);
  }
  const home = mkdtempSync(join(tmpdir(), "ppt-vit-engines-"));
  try {
    tell(`${pictures} pictures${known === undefined ? " by one uninterrupted run" : ""}`);
    const bench = await makeBench(home, { pictures: Number(pictures), model, sha256: known });
    const { parts, sha256, wholeSeconds } = bench;
    const measurements = [];
    for (const engine of chosen) {
      tell(`${pictures} pictures by ${engine.name}`);
      const start = performance.now();
      const facts = await engine.check(bench);
      const seconds = (performance.now() - start) / 1000;
      measurements.push({
        name: engine.name,
        facts: { ...facts, pictures: bench.pictures, parts, sha256, equal: true, seconds, wholeSeconds },
      });
    }
    const used = { pictures: Number(pictures), engines: names, model, sha256: known ?? null };
    return { settings: used, measurements };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

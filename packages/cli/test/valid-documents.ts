/** Documents as `ppt-vit` writes them. Tests change something in them. */

import type { BenchDocument } from "../src/commands/bench/schema.js";
import { reportOf, runFacts } from "../src/commands/eval/report.js";
import { type Batch, batchesOf } from "../src/commands/eval/run.js";
import type {
  BatchEntry,
  EvalReport,
  EvalSettings,
  JournalHeader,
  PictureRecord,
  Shard,
} from "../src/commands/eval/types.js";

export const labels = ["tench, Tinca tinca", "crane", "soccer ball"];

export const evalSettings: EvalSettings = {
  model: { name: "./model", fingerprint: "a".repeat(64) },
  backend: "cpu",
  reduction: { layers: [0], tokensRemoved: 4, threshold: 7e-5 },
  compareDtypes: ["q8"],
  agreement: true,
  batch: 2,
  dataset: { path: "pictures", pictures: 7, fingerprint: "b".repeat(64) },
  limit: 10,
  decoding: { firstFrame: false, maxPixels: 1000 },
};

const samples = Array.from({ length: 7 }, (_, index) => ({ index, file: `c/${index}.png`, label: index % 3 }));
/** Every sixth picture is broken. */
const recordOf = (sample: (typeof samples)[number]): PictureRecord =>
  sample.index === 5
    ? { ...sample, code: "INVALID_IMAGE", message: "c/5.png: broken" }
    : {
        ...sample,
        predicted: 1,
        rank: sample.label === 1 ? 0 : 2,
        loss: 0.5,
        unreduced: { predicted: 0, rank: sample.label, loss: 1.25 },
        dtypes: {
          q8: {
            score: { predicted: 1, rank: sample.label === 1 ? 0 : 1, loss: 0.625 },
            same: true,
            divergence: 1e-3 * (sample.index + 1),
            decisions: [sample.index !== 2],
          },
        },
      };

const entryOf = ({ number, samples: own }: Batch<(typeof samples)[number]>): BatchEntry => ({
  batch: number,
  records: own.map(recordOf),
  times: { waitingMs: 1, modelMs: 10, unreducedMs: 15, dtypesMs: { q8: 5 }, totalMs: 35 },
});

export function evalPart(shard: Shard | null): EvalReport {
  const entries = batchesOf(samples, evalSettings.batch, shard).map(entryOf);
  const records = entries.flatMap((entry) => entry.records);
  const frame = { settings: evalSettings, shard, tokens: [17, 13], gmacs: { unreduced: 2, reduced: 1 }, labels };
  const run = runFacts(
    entries.map(({ times }) => times),
    records.length,
  );
  return {
    ...reportOf(frame, records),
    run: { ...run, finished: "2026-01-01T00:00:00.000Z", versions: { node: "v20" } },
  };
}

const header: JournalHeader = { journal: "ppt-vit eval", version: 1, settings: evalSettings, shard: null };
const batches = batchesOf(samples, evalSettings.batch, null);
/** The header of an evaluation's journal, and the lines that an evaluation writes. */
export const journal = {
  expected: { header, batches, classes: labels.length, stages: 1 },
  lines: [header, ...batches.map(entryOf)] as readonly object[],
};

export function benchDocument(): BenchDocument {
  const cell = { backend: "onnx-cpu", model: "deit-s", batch: 8, loadMs: 100, firstRunMs: 50 };
  const measured = { p90Ms: 110, effectiveGflops: 300, peakMemoryBytes: 5e8 };
  return {
    format: "ppt-vit bench",
    version: 2,
    benchmark: "runs",
    date: "2026-01-01T00:00:00.000Z",
    commit: "c0ffee",
    versions: { node: "v20" },
    hardware: { cpu: "a CPU", cores: 2, memoryGiB: 8, platform: "linux", arch: "x64", loadBefore: 0.1 },
    settings: { secondsPerGroup: 1, runsPerTurn: 5, turnLimitMs: 1000, maxRounds: 30 },
    peakMatmulGflops: 400,
    results: [
      {
        ...cell,
        ...measured,
        policy: "unreduced",
        gmacs: 4.6,
        turnMs: [100, 101],
        medianMs: 101,
        imagesPerSecond: 79,
        speedup: 1,
        ratios: [],
      },
      {
        ...cell,
        ...measured,
        policy: "ppt",
        gmacs: 2.9,
        turnMs: [70, 71],
        medianMs: 71,
        imagesPerSecond: 112,
        speedup: 1.4,
        ratios: [{ backend: "onnx-cpu", policy: "unreduced", median: 1.4, quartiles: [1.3, 1.5] }],
      },
    ],
    measurements: [{ name: "memory", facts: { heldBytes: 1000 } }],
    failures: [{ backend: "tfjs-node", model: "demo", policy: "ppt", batch: 1, code: "X", message: "not installed" }],
  };
}

/** The same result as the first version of the schema has it. */
export function benchDocument1(): object {
  const { format: benchmark, measurements: _, results, ...rest } = benchDocument();
  const cells = results.map(({ ratios: _, ...result }) => result);
  return { ...rest, benchmark, version: 1, results: cells };
}

export type Path = readonly (string | number)[];

/** Every value inside a document that is neither an array nor an object. */
export function leaves(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return keys.flatMap((key) => leaves((value as Record<string | number, unknown>)[key], [...path, key]));
}

export const named = (path: Path) =>
  path
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${key}`))
    .join("")
    .slice(1);

type Container = Record<string | number, unknown>;

export const valueAt = (document: unknown, path: Path): unknown =>
  path.reduce((inner, key) => (inner as Container)[key], document);

/** A copy with another value in one place. Without a value that place is removed. */
export function withValue<T>(document: T, path: Path, value?: unknown): T {
  const copy = structuredClone(document);
  const parent = valueAt(copy, path.slice(0, -1)) as Container;
  const last = path.at(-1)!;
  if (value !== undefined) parent[last] = value;
  else if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else delete parent[last];
  return copy;
}

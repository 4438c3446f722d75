/** The schema of a recorded result, which every benchmark shares. A line of `results/NAME.ndjson` is one such document. */
import * as v from "valibot";
import { reductionSchema } from "../../documents/reduction.js";
import { amount, date, list, name, quantity, record, text, versions, whole } from "../../documents/schema.js";

/** Far more than one call measures. */
export const mostCells = 2000;
export const mostRounds = 10_000;

/** Bytes of a file of results that is read back. */
export const mostDocumentBytes = 2 ** 25;

/** What tells a result of `ppt-vit bench` from other JSON. */
export const format = "ppt-vit bench";

/** A benchmark's name is the name of its file: no slash, no dot. */
const benchmarkName = "lower-case letters, digits and hyphens";
/** A name of `reductionNames`, or the one that `--reduction` gave to settings, which some cell then records. */
const reductionName = name(4096);

/** What one process measures. */
export const cellEntries = {
  /** The contender, as `--backends` takes it. */
  backend: name(100),
  /** A geometry, `demo`, a folder or an id of the Hub. */
  model: name(4096),
  /** How the model is reduced. */
  policy: reductionName,
  /** The settings of `--reduction` that `policy` names. */
  reduction: v.exactOptional(reductionSchema),
  /** Images per run. */
  batch: whole(1),
};
const cellSettingsSchema = record(cellEntries);
export type CellSettings = v.InferOutput<typeof cellSettingsSchema>;

/** How many times faster a cell ran than another cell of its group. */
const ratioSchema = record({
  /** The other cell: same model, same batch. */
  backend: name(100),
  policy: reductionName,
  /** Median over the rounds of the other cell's turn over this one's. */
  median: quantity,
  /** First and third quartile of the same ratios; null in results that were recorded without turns. */
  quartiles: v.nullable(v.pipe(v.tuple([quantity, quantity], "two quartiles or null"), v.readonly())),
});
export type Ratio = v.InferOutput<typeof ratioSchema>;

/** The logits of the first run beside those of the contender `over`, which computes in floats. */
const cellAccuracySchema = record({
  over: name(100),
  images: whole(1),
  /** Number of the images whose most probable class is the same. */
  sameAnswer: whole(0),
  /** The largest difference of a logit, over the largest logit in floats. */
  error: amount,
  /** Kullback-Leibler divergence of the probabilities from those in floats, in nats: the mean over the images. */
  divergence: amount,
});
export type CellAccuracy = v.InferOutput<typeof cellAccuracySchema>;

const cellResultSchema = record({
  ...cellEntries,
  /** Multiply-accumulates of one image, 1e9. */
  gmacs: quantity,
  /** Backend and model, weights in memory; making the random weights of a geometry is not counted. */
  /** What a GPU launches in a run, of contenders that run a graph. */
  kernels: v.exactOptional(whole(0)),
  loadMs: quantity,
  firstRunMs: v.nullable(quantity),
  /** Median run of each turn, in the order of the rounds; empty in results that were recorded without turns. */
  turnMs: list(quantity, mostRounds),
  /** Over all runs, readback included. */
  medianMs: quantity,
  p90Ms: v.nullable(quantity),
  imagesPerSecond: quantity,
  /** Over the unreduced model on the same backend, the median of its ratio; null where that was not measured. */
  speedup: v.nullable(quantity),
  ratios: list(ratioSchema, 100),
  effectiveGflops: quantity,
  peakMemoryBytes: v.nullable(quantity),
  /** Of a contender in another precision whose contender in floats was measured beside it. */
  accuracy: v.exactOptional(cellAccuracySchema),
});
export type CellResult = v.InferOutput<typeof cellResultSchema>;

/** A cell that could not be measured, and why. */
export const cellFailureSchema = record({ ...cellEntries, code: name(100), message: text(20_000) });
export type CellFailure = v.InferOutput<typeof cellFailureSchema>;

const facts = v.pipe(
  v.record(name(200), v.unknown(), "an object of facts"),
  v.maxEntries(200, "at most 200 facts"),
  v.readonly(),
);

/** What a benchmark of `--benchmark` found about one thing; the benchmark says what its facts mean. */
const measurementSchema = record({ name: name(200), facts });
export type Measurement = v.InferOutput<typeof measurementSchema>;

const loadBefore = "a load of 0 to 1000000, or null";

export const hardwareSchema = record({
  cpu: text(1000),
  cores: whole(1),
  memoryGiB: whole(0),
  platform: name(100),
  arch: name(100),
  /** Processes that wanted a core in the minute before: near 0 on a quiet machine. Null where nobody looked. */
  loadBefore: v.nullable(v.pipe(v.number(loadBefore), v.minValue(0, loadBefore), v.maxValue(1e6, loadBefore))),
});

export const benchDocumentSchema = record({
  format: v.literal(format, `"${format}"`),
  version: v.literal(2, "2"),
  benchmark: v.pipe(v.string(benchmarkName), v.regex(/^[a-z0-9-]{1,100}$/, benchmarkName)),
  date,
  /** Of this repository, where the command ran from it. */
  commit: v.exactOptional(text(200)),
  versions,
  hardware: hardwareSchema,
  /** How it was measured; what is in it depends on the benchmark. */
  settings: facts,
  /** The fastest 2048-cube product of onnxruntime-node here; null where it is not installed or was not asked. */
  peakMatmulGflops: v.nullable(quantity),
  results: list(cellResultSchema, mostCells),
  measurements: list(measurementSchema, mostCells),
  failures: list(cellFailureSchema, mostCells),
});
export type BenchDocument = v.InferOutput<typeof benchDocumentSchema>;

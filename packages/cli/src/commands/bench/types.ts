/** The document that `ppt-vit bench` writes and that reports and comparisons read: its schema, and the types that follow from it. */
import * as v from "valibot";
import { date, list, name, quantity, record, text, versions, whole } from "../../documents/schema.js";
import { policies } from "./model.js";

/** Far more than one call measures. */
const mostCells = 2000;
const mostRounds = 10_000;

/** Bytes of a document that is read back. */
export const mostDocumentBytes = 2 ** 25;

/** What one process measures. */
const cellEntries = {
  /** A name of `contenderNames`; ONNX backends take `:fp16` behind it. */
  backend: name(100),
  /** A geometry, `demo`, or a folder. */
  model: name(4096),
  policy: v.picklist(policies, `one of ${policies.join(", ")}`),
  /** Images per run. */
  batch: whole(1),
};
const cellSettingsSchema = record(cellEntries);
export type CellSettings = v.InferOutput<typeof cellSettingsSchema>;

const cellResultSchema = record({
  ...cellEntries,
  /** Multiply-accumulates of one image, 1e9. */
  gmacs: quantity,
  /** Backend and model, weights in memory; the random weights of a geometry are not counted. */
  loadMs: quantity,
  firstRunMs: quantity,
  /** Median run of each turn, in the order of the rounds. */
  turnMs: list(quantity, mostRounds, 1),
  /** Over all runs, readback included. */
  medianMs: quantity,
  p90Ms: quantity,
  imagesPerSecond: quantity,
  /** Median over the rounds of the unreduced model's turn over this one's, on the same backend, model and batch. */
  speedup: v.nullable(quantity),
  effectiveGflops: quantity,
  peakMemoryBytes: quantity,
});
export type CellResult = v.InferOutput<typeof cellResultSchema>;

/** A cell that could not be measured, and why. */
const cellFailureSchema = record({ ...cellEntries, code: name(100), message: text(20_000) });
export type CellFailure = v.InferOutput<typeof cellFailureSchema>;

export const benchDocumentSchema = record({
  benchmark: v.literal("ppt-vit bench", '"ppt-vit bench"'),
  version: v.literal(1, "1"),
  date,
  /** Of this repository, where the command ran from it. */
  commit: v.exactOptional(text(200)),
  versions,
  hardware: record({
    cpu: text(1000),
    cores: whole(1),
    memoryGiB: whole(0),
    platform: name(100),
    arch: name(100),
    /** Processes that wanted a core in the minute before: near 0 on a quiet machine. */
    loadBefore: v.pipe(
      v.number("a number of at least 0"),
      v.minValue(0, "a number of at least 0"),
      v.maxValue(1e6, "a load of at most 1000000"),
    ),
  }),
  settings: record({
    /** Time for each pair of model and batch, opening included. */
    secondsPerGroup: quantity,
    runsPerTurn: whole(1),
    turnLimitMs: quantity,
    maxRounds: whole(1),
  }),
  /** The fastest 2048-cube product of onnxruntime-node here; null where it is not installed. */
  peakMatmulGflops: v.nullable(quantity),
  results: list(cellResultSchema, mostCells),
  failures: list(cellFailureSchema, mostCells),
});
export type BenchDocument = v.InferOutput<typeof benchDocumentSchema>;

/** Results of the first version of the schema, as `ppt-vit bench` wrote them until November 2026. They are read as the second. */
import * as v from "valibot";
import { date, list, quantity, record, text, versions, whole } from "../../documents/schema.js";
import {
  type BenchDocument,
  cellEntries,
  cellFailureSchema,
  format,
  hardwareSchema,
  mostCells,
  mostRounds,
} from "./schema.js";

const cellResultSchema = record({
  ...cellEntries,
  gmacs: quantity,
  loadMs: quantity,
  firstRunMs: quantity,
  turnMs: list(quantity, mostRounds, 1),
  medianMs: quantity,
  p90Ms: quantity,
  imagesPerSecond: quantity,
  speedup: v.nullable(quantity),
  effectiveGflops: quantity,
  peakMemoryBytes: quantity,
});

export const version1Schema = record({
  benchmark: v.literal(format, `"${format}"`),
  version: v.literal(1, "1"),
  date,
  commit: v.exactOptional(text(200)),
  versions,
  hardware: hardwareSchema,
  settings: record({
    secondsPerGroup: quantity,
    runsPerTurn: whole(1),
    turnLimitMs: quantity,
    maxRounds: whole(1),
  }),
  peakMatmulGflops: v.nullable(quantity),
  results: list(cellResultSchema, mostCells),
  failures: list(cellFailureSchema, mostCells),
});

/** Whether this is a result of the first version, damaged or not: the second has the field `format`. */
export const isVersion1 = (json: object): boolean =>
  !("format" in json) && "benchmark" in json && json.benchmark === format;

/** The same result by the second version. The first has no ratios but the speedup, and no other benchmark than runs. */
export const upgraded = (document: v.InferOutput<typeof version1Schema>): BenchDocument => ({
  ...document,
  format,
  version: 2,
  benchmark: "runs",
  results: document.results.map((result) => ({ ...result, ratios: [] })),
  measurements: [],
});

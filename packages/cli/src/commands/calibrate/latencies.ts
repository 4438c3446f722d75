/** A file of latency tables, which is read before a calibration and written after it. */
import { existsSync } from "node:fs";
import { type LatencyTable, latencyTableCheck } from "@ppt-vit/pipeline";
import { parseJson } from "../../documents/json.js";
import { readText } from "../../documents/read.js";
import { complainer } from "../../documents/schema.js";
import { writeFileWhole } from "../../files/write-file.js";

const mostBytes = 2 ** 24;
const format = "ppt-vit latencies";

/** The tables in a file; none if it does not exist. @throws PptError INVALID_INPUT */
export function readLatencies(path: string): LatencyTable[] {
  if (!existsSync(path)) return [];
  const json = parseJson(readText(path, mostBytes), path);
  const complain = complainer(path);
  if (typeof json !== "object" || json === null || !("format" in json) || json.format !== format || !("tables" in json))
    return complain("", "is no file of latencies: choose another --latencies");
  const { tables } = json;
  if (!Array.isArray(tables)) return complain("tables", "are no list");
  const wrong = tables.findIndex((table) => !latencyTableCheck.holds(table));
  if (wrong >= 0)
    complain(`tables[${wrong}]`, `is not ${latencyTableCheck.expected}: remove the file to measure again`);
  return tables as LatencyTable[];
}

/** Adds a table to those of a file. */
export function keepLatencies(path: string, known: readonly LatencyTable[], table: LatencyTable): void {
  writeFileWhole(path, `${JSON.stringify({ format, tables: [...known, table] }, null, 1)}\n`, "--latencies");
}

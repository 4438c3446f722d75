/**
 * Time and peak memory of writing a million vectors in parts and joining them, as `ppt-vit embed --out` and `ppt-vit merge` do, and of
 * reading the file with DuckDB and pandas.
 * `pnpm bench --benchmark benchmarks/measures/vectors.mjs [--set rows=1000000] [--set length=384] [--set types=float32,float16]
 * [--set python=python3] [--set megabytes=400]`
 *
 * Each step is a process. `peakMemoryMB` is its peak. DuckDB gets `megabytes` as its limit of memory. Both readers look for the rows that are
 * most like the first one, and must find the same. Python needs duckdb, pandas and pyarrow.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const at = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const result = (command, ...args) => JSON.parse(execFileSync(command, args, { encoding: "utf8" }));

export async function measure({ settings, tell }) {
  const { rows = "1000000", length = "384", types = "float32", python = "python3", megabytes = "400" } = settings;
  const measurements = [];
  for (const type of types.split(",")) {
    const folder = mkdtempSync(join(tmpdir(), "ppt-vit-vectors-"));
    try {
      tell(`${rows} rows of ${length} ${type}: writing`);
      const written = result(process.execPath, at("vectors-write.mjs"), folder, rows, length, "parquet", type);
      const file = join(folder, "all.parquet");
      measurements.push({ name: `${type}, written`, facts: { ...written, bytes: statSync(file).size } });
      // pyarrow has no products of halves, and DuckDB reads them as floats.
      if (type !== "float32") continue;
      const readers = ["duckdb", "pandas"].map((reader) => {
        tell(`${rows} rows of ${length} ${type}: reading by ${reader}`);
        return { reader, ...result(python, at("vectors-read.py"), reader, file, megabytes) };
      });
      if (new Set(readers.map(({ rows, found }) => JSON.stringify([rows, found]))).size !== 1)
        throw new Error(`DuckDB and pandas find other rows: ${JSON.stringify(readers)}`);
      for (const { reader, ...facts } of readers)
        measurements.push({ name: `${type}, read by ${reader}`, facts: { reader, ...facts } });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return {
    settings: { rows: Number(rows), length: Number(length), types, megabytes: Number(megabytes) },
    measurements,
  };
}

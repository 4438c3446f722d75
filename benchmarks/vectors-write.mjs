/**
 * Writes generated vectors as `ppt-vit embed --out` writes them, in parts, and joins the parts as `ppt-vit merge` does. Prints a line of
 * JSON with times and the peak memory of the process.
 *
 *   node benchmarks/vectors-write.mjs FOLDER [ROWS [LENGTH [FORMAT [TYPE]]]]     default: 1000000 rows of 384 values, parquet, float32
 */
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const [folder, rows = "1000000", length = "384", name = "parquet", vectors = "float32"] = process.argv.slice(2);
const [count, width, partRows] = [Number(rows), Number(length), 1000];

const root = fileURLToPath(new URL("..", import.meta.url));
// The sources of the command line, bundled where its packages are found.
const bundle = join(root, "packages", "cli", "dist", "vectors-benchmark.mjs");
await build({
  entryPoints: [join(root, "packages", "cli", "src", "jobs", "formats", "index.ts")],
  outfile: bundle,
  bundle: true,
  format: "esm",
  platform: "node",
  packages: "external",
  logLevel: "error",
});
const { formats } = await import(pathToFileURL(bundle).href);
rmSync(bundle);
const format = formats.find((one) => one.name === name);
const columns = [
  ...["path", "sha256", "error"].map((name) => ({ name, type: "text" })),
  { name: "size", type: "integer" },
  { name: "embedding", type: "vector", length: width },
];

/** The same values each time, in [-1, 1). */
let state = 1;
const random = () => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) / 2 ** 31 - 1;
};
const vector = new Float32Array(width);
function row(i) {
  for (let j = 0; j < width; j++) vector[j] = random();
  const hash = String(i).padStart(64, "0");
  return { path: `pictures/${i}.jpg`, sha256: hash, error: null, size: i, embedding: vector.slice() };
}

mkdirSync(folder, { recursive: true });
async function write(stem, work) {
  const files = format.endings.map((ending) => join(folder, `${stem}${ending}`));
  const open = files.map((file) => openSync(file, "w"));
  await work(
    open.map((file) => (bytes) => {
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    }),
  );
  for (const file of open) closeSync(file);
  return files;
}

const start = performance.now();
const parts = [];
for (let first = 0; first < count; first += partRows) {
  const own = Math.min(partRows, count - first);
  const files = await write(`part-${String(parts.length).padStart(6, "0")}`, (sinks) => {
    const writer = format.write({ columns, vectors, rows: own }, sinks);
    for (let i = 0; i < own; i++) writer.add(row(first + i));
    writer.end();
  });
  parts.push({ files, rows: own });
}
const written = performance.now();
await write("all", (sinks) => format.join({ columns, vectors, rows: count }, parts, sinks));
console.log(
  JSON.stringify({
    ...{ rows: count, length: width, format: name, vectors },
    writeSeconds: Number(((written - start) / 1000).toFixed(1)),
    joinSeconds: Number(((performance.now() - written) / 1000).toFixed(1)),
    peakMemoryMB: Math.round(process.resourceUsage().maxRSS / 1000),
  }),
);

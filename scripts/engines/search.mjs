/** Search in DuckDB: its answers against plain arithmetic on the same rows, and the recall of reduced embeddings. */
import { cpSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { examples, main } from "./bench.mjs";

export const search = {
  name: "search",
  lacks: () => undefined,
  async check(bench) {
    const home = join(bench.home, "search");
    cpSync(join(examples, "search"), home, { recursive: true });
    bench.run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], { cwd: home });
    const [wanted, answers] = ["pictures/00/000000.jpg", 5];
    const lines = bench
      .run("node", [join(home, "search.mjs"), "whole", wanted, String(answers)])
      .trim()
      .split("\n");
    const expected = await nearest(bench, wanted, answers);
    if (JSON.stringify(lines) !== JSON.stringify(expected))
      throw new Error(`DuckDB finds ${lines.join("; ")}, expected ${expected.join("; ")}`);

    bench.run("ppt-vit", ["embed", "pictures", "--out", "unreduced", "--no-ppt", ...bench.options]);
    const { recall } = JSON.parse(bench.run("node", [join(home, "recall.mjs"), "whole", "unreduced"]));
    const { recall: same } = JSON.parse(bench.run("node", [join(home, "recall.mjs"), "whole", "whole"]));
    console.log(
      `  recall@10 of reduced embeddings against unreduced ones: ${recall.toFixed(3)} (${bench.pictures} pictures of noise)`,
    );
    if (same !== 1) throw new Error(`a job against itself has recall ${same}`);
    // Chance gives 10 of all pictures.
    if (recall < Math.min(0.5, 100 / bench.pictures)) throw new Error(`recall ${recall}`);
  },
};

/** The same by plain arithmetic on the rows of the merged file, read by another library. */
async function nearest(bench, wanted, count) {
  const require = createRequire(pathToFileURL(join(main, "..", "..", "package.json")));
  const { asyncBufferFromFile, parquetReadObjects } = await import(pathToFileURL(require.resolve("hyparquet")).href);
  const file = await asyncBufferFromFile(join(bench.home, "whole.parquet"));
  const rows = await parquetReadObjects({ file });
  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const { embedding } = rows.find(({ path }) => path === wanted);
  return rows
    .filter(({ path }) => path !== wanted)
    .map((row) => ({
      path: row.path,
      alike: dot(row.embedding, embedding) / Math.sqrt(dot(row.embedding, row.embedding) * dot(embedding, embedding)),
    }))
    .sort((a, b) => b.alike - a.alike)
    .slice(0, count)
    .map(({ path, alike }) => `${alike.toFixed(4)} ${path}`);
}

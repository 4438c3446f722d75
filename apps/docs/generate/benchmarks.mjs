/** The tables of recorded speeds and of accuracy, by the code that also makes the README's. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accuracyFigures, accuracySection } from "../../../benchmarks/accuracy.mjs";
import { dtypeTable } from "../../../benchmarks/dtypes.mjs";
import { run } from "../../../scripts/workspace.mjs";
import { docs, generated, root } from "./paths.mjs";

/** Title of each table, and the rows that `ppt-vit bench --table` chooses for it. */
const tables = [
  ["ONNX Runtime, native CPU", "onnx/onnx-cpu,files/files-onnx-cpu"],
  ["TensorFlow.js on WebAssembly, one core", "tfjs/tfjs-wasm"],
  ["Plain TypeScript, one core", "cpu/cpu"],
  ["Every backend, side by side", "runs"],
];

export async function writeBenchmarks() {
  const file = join(generated, "benchmarks.md");
  const text = tables.map(([title, rows]) => `## ${title}\n\n<!-- benchmarks ${rows} -->\n<!-- /benchmarks -->\n`);
  writeFileSync(file, text.join("\n"));
  mkdirSync(join(docs, "public", "generated"), { recursive: true });
  const report = join(docs, "public", "generated", "speed.html");
  const bench = [join(root, "packages/cli/dist/main.js"), "bench", "--from", join(root, "benchmarks/results")];
  const { code, output } = await run("node", [...bench, "--report", report, "--table", file]);
  if (code !== 0) throw new Error(`ppt-vit bench --from failed:\n${output}`);
  // Pages include the tables, so links lead from the page's folder.
  const link = '<a href="generated/speed.html" target="_self">The interactive report</a> plots all recorded results.';
  writeFileSync(file, `${link}\n\n${readFileSync(file, "utf8").replaceAll("](../../../", "](../../")}`);
  writeFileSync(join(generated, "accuracy.md"), accuracySection("../../"));
  writeFileSync(join(generated, "dtypes.md"), `${dtypeTable("../../")}\n`);
  writeFileSync(join(generated, "figures.json"), JSON.stringify(figures(readFileSync(file, "utf8"))));
}

/** The figures of the landing page, each with the address of its recorded line. */
function figures(text) {
  const row =
    /^\| deit-s \| 8 \| onnx-cpu \| ([\d.]+) \| ([\d.]+) \| \[([\d.]+)x\]\(\.\.\/\.\.\/([^)]+)\) \| ([\d.]+)x over onnx-plain \|$/m.exec(
      text,
    );
  if (!row) throw new Error("no recorded speed of deit-s at batch 8 on onnx-cpu, for the landing page");
  const [, before, after, speedup, line, overPlain] = row;
  return { speed: { before, after, speedup, overPlain, line }, accuracy: accuracyFigures() };
}

/**
 * Tests the engines that run jobs of `ppt-vit`, with the files of `examples/engines` as users take them. Each runs the same generated
 * pictures, is disturbed, and must give the rows of one uninterrupted run. The last line is `N passed, N failed, N skipped`.
 *
 *   node scripts/check-engines.mjs [--pictures N] [--model DIR] [NAME...]   default: 240 pictures, the demo model, all engines
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { makeBench } from "./engines/bench.mjs";
import { engines } from "./engines/index.mjs";
import { seconds } from "./workspace.mjs";

const { values: options, positionals: names } = parseArgs({
  options: { pictures: { type: "string", default: "240" }, model: { type: "string", default: "demo" } },
  allowPositionals: true,
});
const unknown = names.find((name) => !engines.some((engine) => engine.name === name));
if (unknown !== undefined) {
  console.error(`${unknown}: no engine; there are ${engines.map(({ name }) => name).join(", ")}`);
  process.exit(1);
}

const begin = performance.now();
const home = mkdtempSync(join(tmpdir(), "ppt-vit-engines-"));
process.on("exit", () => rmSync(home, { recursive: true, force: true }));
const bench = await makeBench(home, { pictures: Number(options.pictures), model: options.model });
console.log(`${bench.pictures} pictures, embedded by one uninterrupted run (${seconds(begin)})`);

const counts = { passed: 0, failed: 0, skipped: 0 };
for (const engine of engines.filter(({ name }) => names.length === 0 || names.includes(name))) {
  const start = performance.now();
  const lacking = engine.lacks();
  if (lacking !== undefined) {
    counts.skipped++;
    console.log(`skipped  ${engine.name}: needs ${lacking}`);
    continue;
  }
  try {
    await engine.check(bench);
    counts.passed++;
    console.log(`ok  ${engine.name} (${seconds(start)})`);
  } catch (error) {
    counts.failed++;
    console.log(
      `FAILED  ${engine.name} (${seconds(start)})\n  ${`${error.message}\n${error.stderr ?? ""}`.trim().replaceAll("\n", "\n  ")}`,
    );
  }
}
console.log(`all engines took ${seconds(begin)}`);
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed > 0 ? 1 : 0;

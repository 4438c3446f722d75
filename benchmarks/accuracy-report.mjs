/**
 * `node benchmarks/accuracy-report.mjs` rewrites docs/accuracy.svg, and the line of the README between `<!-- accuracy -->` and
 * `<!-- /accuracy -->`, from the newest results in results/accuracy.ndjson and results/dtypes.ndjson.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { accuracyLine, accuracyPlot, accuracyTable } from "./accuracy.mjs";
import { dtypeLine } from "./dtypes.mjs";

const root = new URL("../", import.meta.url);
const readme = new URL("README.md", root);
const [opening, closing] = ["<!-- accuracy -->", "<!-- /accuracy -->"];
const page = readFileSync(readme, "utf8");
const [start, end] = [page.indexOf(opening), page.indexOf(closing)];
if (start < 0 || end < start) throw new Error(`README.md has no ${opening} and ${closing} behind it`);

writeFileSync(new URL("docs/accuracy.svg", root), accuracyPlot("test"));
writeFileSync(readme, `${page.slice(0, start)}${opening}\n${accuracyLine()} ${dtypeLine()}\n${page.slice(end)}`);
console.log(accuracyTable("test"));
console.log(accuracyTable("heldOut"));

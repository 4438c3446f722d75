/** The table of results that people sent, from the files of benchmarks/submitted. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { generated, root } from "./paths.mjs";

export function writeSubmitted() {
  const folder = join(root, "benchmarks/submitted");
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  const results = files.map((name) => ({ name, report: JSON.parse(readFileSync(join(folder, name), "utf8")) }));
  results.sort((a, b) => b.report.date.localeCompare(a.report.date));
  const head =
    "| Machine | Model | Backend and policy | Images/s | Unreduced | Speedup | 95 % interval | Date | In the app |";
  const rule = "|---|---|---|--:|--:|--:|--:|---|---|";
  writeFileSync(join(generated, "submitted.md"), `${[head, rule, ...results.map(row)].join("\n")}\n`);
}

function row({ name, report }) {
  const { cells, machine, model, date } = report;
  const reduced = cells.filter(({ tokens }) => tokens.at(-1) !== tokens[0]);
  const best = [...(reduced.length > 0 ? reduced : cells)].sort((a, b) => b.imagesPerSecond - a.imagesPerSecond)[0];
  const whole = cells.find(
    (cell) =>
      cell.backend === best.backend &&
      cell.batch === best.batch &&
      cell.policy === "unreduced" &&
      cell.dtype === "fp32",
  );
  const { estimate } = best;
  const values = [
    `${machine.browser}, ${machine.system}, ${machine.cores} cores`,
    model,
    `${best.backend}, ${best.policy}${best.dtype === "fp32" ? "" : `, ${best.dtype}`}`,
    best.imagesPerSecond.toPrecision(3),
    whole ? whole.imagesPerSecond.toPrecision(3) : "–",
    !estimate ? "–" : estimate.verdict === "noisy" ? "too noisy" : `${estimate.ratio.toFixed(2)}x`,
    estimate ? `${estimate.low.toFixed(2)} to ${estimate.high.toFixed(2)}` : "–",
    date.slice(0, 10),
    `<a href="app/?tab=bench#${linkOf(report)}" target="_self" aria-label="Open ${name} in the app">Open</a>`,
  ];
  return `| ${values.map((value) => value.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** The part of a link that the app reads a result from: apps/bench/src/bench/report.ts packs it in the same way. */
function linkOf(report) {
  const cells = report.cells.map(({ latenciesMs: _, ...cell }) => cell);
  return `result=${deflateRawSync(JSON.stringify({ ...report, cells })).toString("base64url")}`;
}

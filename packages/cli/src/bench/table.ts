/** Results as text. */
import { spread } from "./statistics.js";
import type { BenchDocument, CellResult } from "./types.js";

const columns: readonly (readonly [string, (result: CellResult, document: BenchDocument) => string])[] = [
  ["model", ({ model }) => model],
  ["batch", ({ batch }) => String(batch)],
  ["backend", ({ backend }) => backend],
  ["policy", ({ policy }) => policy],
  ["median ms", ({ medianMs }) => medianMs.toFixed(1)],
  ["p90 ms", ({ p90Ms }) => p90Ms.toFixed(1)],
  ["images/s", ({ imagesPerSecond }) => imagesPerSecond.toPrecision(3)],
  ["speedup", ({ speedup }) => (speedup === null ? "" : `${speedup.toFixed(2)}x`)],
  ["spread", ({ turnMs }) => `${(100 * spread(turnMs)).toFixed(0)} %`],
  ["GMACs", ({ gmacs }) => gmacs.toFixed(2)],
  ["GFLOP/s", ({ effectiveGflops }) => effectiveGflops.toFixed(0)],
  ["load ms", ({ loadMs }) => loadMs.toFixed(0)],
  ["first ms", ({ firstRunMs }) => firstRunMs.toFixed(0)],
  ["peak MB", ({ peakMemoryBytes }) => (peakMemoryBytes / 1e6).toFixed(0)],
];

/** A table for a terminal, with what could not be measured below it. */
export function resultTable(document: BenchDocument): string {
  const rows = [columns.map(([name]) => name)];
  for (const result of document.results) rows.push(columns.map(([, show]) => show(result, document)));
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) => row.map((text, column) => text.padStart(widths[column]!)).join("  "));
  const { hardware, peakMatmulGflops, failures } = document;
  const peak = peakMatmulGflops === null ? "" : `, peak matmul ${peakMatmulGflops.toFixed(0)} GFLOP/s`;
  return [
    `${hardware.cpu}, ${hardware.cores} threads, ${hardware.memoryGiB} GiB${peak}`,
    ...lines,
    ...failures.map(
      ({ backend, model, policy, batch, message }) =>
        `not measured: ${backend}, ${model}, ${policy}, ${batch}: ${message}`,
    ),
    "",
  ].join("\n");
}

/** A Markdown table: one row for each backend, model and batch, images per second without and with PPT. */
export function markdownTable(documents: readonly BenchDocument[]): string {
  const results = documents.flatMap(({ results }) => results);
  const rows = results
    .filter(({ policy }) => policy === "ppt")
    .map((ppt) => {
      const unreduced = results.find(
        ({ policy, backend, model, batch }) =>
          policy === "unreduced" && backend === ppt.backend && model === ppt.model && batch === ppt.batch,
      );
      const before = unreduced ? unreduced.imagesPerSecond.toPrecision(3) : "";
      const speedup = ppt.speedup === null ? "" : `${ppt.speedup.toFixed(2)}x`;
      return `| ${ppt.model} | ${ppt.batch} | ${ppt.backend} | ${before} | ${ppt.imagesPerSecond.toPrecision(3)} | ${speedup} |`;
    });
  return [
    "| model | batch | backend | unreduced, images/s | PPT, images/s | speedup |",
    "| --- | ---: | --- | ---: | ---: | ---: |",
    ...rows,
    "",
  ].join("\n");
}

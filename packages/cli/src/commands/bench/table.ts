/** Results as text: for a terminal, and for a README. */
import { PptError } from "@ppt-vit/core";
import { markdown } from "../../output/markdown.js";
import { shown } from "../../output/terminal.js";
import { spread, threeDigits } from "./statistics.js";
import type { BenchDocument, CellResult } from "./types.js";

const columns: readonly (readonly [string, (result: CellResult, document: BenchDocument) => string])[] = [
  ["model", ({ model }) => model],
  ["batch", ({ batch }) => String(batch)],
  ["backend", ({ backend }) => backend],
  ["policy", ({ policy }) => policy],
  ["median ms", ({ medianMs }) => medianMs.toFixed(1)],
  ["p90 ms", ({ p90Ms }) => p90Ms.toFixed(1)],
  ["images/s", ({ imagesPerSecond }) => threeDigits(imagesPerSecond)],
  ["speedup", ({ speedup }) => (speedup === null ? "" : `${speedup.toFixed(2)}x`)],
  ["spread", ({ turnMs }) => `${(100 * spread(turnMs)).toFixed(0)} %`],
  ["GMACs", ({ gmacs }) => gmacs.toFixed(2)],
  ["GFLOP/s", ({ effectiveGflops }) => effectiveGflops.toFixed(0)],
  [
    "of peak",
    ({ effectiveGflops }, { peakMatmulGflops }) =>
      peakMatmulGflops === null ? "" : `${((100 * effectiveGflops) / peakMatmulGflops).toFixed(0)} %`,
  ],
  ["load ms", ({ loadMs }) => loadMs.toFixed(0)],
  ["first ms", ({ firstRunMs }) => firstRunMs.toFixed(0)],
  ["peak MB", ({ peakMemoryBytes }) => (peakMemoryBytes / 1e6).toFixed(0)],
];

/** A table for a terminal, with what could not be measured below it. */
export function resultTable(document: BenchDocument): string {
  const rows = [columns.map(([name]) => name)];
  for (const result of document.results) rows.push(columns.map(([, show]) => shown(show(result, document))));
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
  ]
    .map(shown)
    .join("\n");
}

/**
 * Markdown: for each machine a table of images per second without and with PPT, each row from the newest result that has
 * it. `documents` come oldest first.
 */
export function markdownTable(documents: readonly BenchDocument[]): string {
  const machines = new Map<string, BenchDocument[]>();
  for (const document of documents.toReversed()) {
    const { cpu, cores, platform, arch } = document.hardware;
    const machine = `${cpu}, ${cores} threads, ${platform} ${arch}`;
    machines.set(machine, [...(machines.get(machine) ?? []), document]);
  }
  return [...machines].map(([machine, newestFirst]) => machineTable(machine, newestFirst)).join("\n");
}

function machineTable(machine: string, newestFirst: readonly BenchDocument[]): string {
  const rows = new Map<string, string>();
  const used = new Set<BenchDocument>();
  for (const document of newestFirst)
    for (const ppt of document.results.filter(({ policy }) => policy === "ppt")) {
      const { model, batch, backend, imagesPerSecond, speedup } = ppt;
      const key = JSON.stringify([model, batch, backend]);
      const unreduced = document.results.find(
        (one) => one.policy === "unreduced" && one.backend === backend && one.model === model && one.batch === batch,
      );
      if (!unreduced || speedup === null || rows.has(key)) continue;
      const [before, after] = [unreduced.imagesPerSecond, imagesPerSecond].map(threeDigits);
      const cells = [model, batch, backend, before!, after!, `${speedup.toFixed(2)}x`].map(markdown);
      rows.set(key, `| ${cells.join(" | ")} |`);
      used.add(document);
    }
  const dates = [...used].map(({ date, versions, hardware: { cores, loadBefore } }) => {
    // Speedups are of neighbours in time and stand it; images per second do not.
    const busy = loadBefore > cores / 2 ? `, a busy machine (load ${loadBefore}): read the speedups` : "";
    return `${date.slice(0, 10)} on Node ${versions.node ?? "of an unknown version"}${busy}`;
  });
  return [
    markdown(`${machine}; ${[...new Set(dates)].join(", ")}:`),
    "",
    "| model | batch | backend | unreduced, images/s | PPT, images/s | speedup |",
    "| --- | ---: | --- | ---: | ---: | ---: |",
    ...rows.values(),
    "",
  ].join("\n");
}

/** What stands around the table in a Markdown file. */
export const tableMarkers = ["<!-- benchmarks -->", "<!-- /benchmarks -->"] as const;

/**
 * `markdown`, of the file called `name`, with the table between the markers made anew.
 * @throws PptError INVALID_INPUT without both markers
 */
export function replaceTable(markdown: string, documents: readonly BenchDocument[], name: string): string {
  const [start, end] = tableMarkers.map((marker) => markdown.indexOf(marker)) as [number, number];
  if (start < 0 || end < start)
    throw new PptError("INVALID_INPUT", `${name}: has no ${tableMarkers.join(" with ")} after it to write between`);
  const head = markdown.slice(0, start + tableMarkers[0].length);
  return `${head}\n${markdownTable(documents)}${markdown.slice(end)}`;
}

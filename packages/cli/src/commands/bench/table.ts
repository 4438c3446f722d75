/** Results as text for a terminal, and the columns that pages share with it. */
import { counted } from "@ppt-vit/core/options";
import { shown } from "../../output/terminal.js";
import type { BenchDocument, CellAccuracy, CellResult } from "./schema.js";
import { spread, threeDigits } from "./statistics.js";

type Column = readonly [name: string, show: (result: CellResult, document: BenchDocument) => string];

/** Shows nothing where a result has no value. */
const shownIf = (value: number | null, show: (value: number) => string) => (value === null ? "" : show(value));

/** The largest difference of a logit from floats, as a share of the largest logit. */
export const percentOff = ({ error }: CellAccuracy): string => `${(100 * error).toPrecision(2)} %`;

/** The columns of every table of results; what names the cell comes first. */
export const columns: readonly Column[] = [
  ["model", ({ model }) => model],
  ["batch", ({ batch }) => String(batch)],
  ["backend", ({ backend }) => backend],
  ["policy", ({ policy }) => policy],
  ["median ms", ({ medianMs }) => medianMs.toFixed(1)],
  ["p90 ms", ({ p90Ms }) => shownIf(p90Ms, (ms) => ms.toFixed(1))],
  ["images/s", ({ imagesPerSecond }) => threeDigits(imagesPerSecond)],
  ["speedup", ({ speedup }) => shownIf(speedup, (ratio) => `${ratio.toFixed(2)}x`)],
  // Of the first run: the largest difference of a logit, and how many images keep their answer.
  ["off floats", ({ accuracy }) => (accuracy ? percentOff(accuracy) : "")],
  ["same answer", ({ accuracy }) => (accuracy ? `${accuracy.sameAnswer} of ${accuracy.images}` : "")],
  ["spread", ({ turnMs }) => (turnMs.length === 0 ? "" : `${(100 * spread(turnMs)).toFixed(0)} %`)],
  ["GMACs", ({ gmacs }) => gmacs.toFixed(2)],
  ["GFLOP/s", ({ effectiveGflops }) => effectiveGflops.toFixed(0)],
  [
    "of peak",
    ({ effectiveGflops }, { peakMatmulGflops }) =>
      shownIf(peakMatmulGflops, (peak) => `${((100 * effectiveGflops) / peak).toFixed(0)} %`),
  ],
  ["kernels", ({ kernels }) => (kernels === undefined ? "" : String(kernels))],
  ["load ms", ({ loadMs }) => loadMs.toFixed(0)],
  ["first ms", ({ firstRunMs }) => shownIf(firstRunMs, (ms) => ms.toFixed(0))],
  ["peak MB", ({ peakMemoryBytes }) => shownIf(peakMemoryBytes, (bytes) => (bytes / 1e6).toFixed(0))],
];

/** A table for a terminal, with what else was found and what could not be measured below it. */
export function resultTable(document: BenchDocument): string {
  const { hardware, peakMatmulGflops, results, measurements, failures } = document;
  const rows = results.length > 0 ? [columns.map(([name]) => name)] : [];
  for (const result of results) rows.push(columns.map(([, show]) => shown(show(result, document))));
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) => row.map((text, column) => text.padStart(widths[column]!)).join("  "));
  const ratios = results.flatMap((result) => ratioLines(result));
  const peak = peakMatmulGflops === null ? "" : `, peak matmul ${peakMatmulGflops.toFixed(0)} GFLOP/s`;
  return [
    `${hardware.cpu}, ${counted(hardware.cores, "thread")}, ${hardware.memoryGiB} GiB${peak}`,
    ...lines,
    ...ratios,
    ...measurements.map(({ name, facts }) => `${name}: ${JSON.stringify(facts)}`),
    ...failures.map(
      ({ backend, model, policy, batch, message }) =>
        `not measured: ${backend}, ${model}, ${policy}, ${batch}: ${message}`,
    ),
    "",
  ]
    .map(shown)
    .join("\n");
}

/** The ratios of `--reference`, and those between settings. Speedups over the unreduced model on the same backend stand in the table. */
const ratioLines = ({ backend, model, policy, batch, ratios }: CellResult): string[] =>
  ratios
    .filter((ratio) => ratio.backend !== backend || ratio.policy !== "unreduced")
    .map(({ backend: other, policy: otherPolicy, median, quartiles }) => {
      const range = quartiles ? ` (quartiles ${quartiles.map((ratio) => ratio.toFixed(2)).join(" to ")})` : "";
      return `${model}, batch ${batch}, ${backend}, ${policy}: ${median.toFixed(2)}x over ${other}, ${otherPolicy}${range}`;
    });

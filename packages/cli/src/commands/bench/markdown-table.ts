/** Tables in Markdown files, generated between markers from recorded results; each row links to its result. */

import { dirname, relative, sep } from "node:path";
import { PptError } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import { markdown } from "../../output/markdown.js";
import type { RecordedDocument } from "./documents.js";
import { geometryNames } from "./geometries.js";
import type { CellResult } from "./schema.js";
import { threeDigits } from "./statistics.js";
import { percentOff } from "./table.js";

/** What stands before and after a table in a Markdown file. `<!-- benchmarks NAME,NAME/BACKEND -->` chooses its rows. */
export const tableMarkers = ["<!-- benchmarks -->", "<!-- /benchmarks -->"] as const;
const tables = /^(<!-- benchmarks(?: ([a-z0-9./:,-]+))? -->)\r?\n.*?(<!-- \/benchmarks -->)/gms;
const starts = /^<!-- benchmarks/gm;

/**
 * `text`, of the Markdown file at `path`, with every table between markers made anew.
 * @throws PptError INVALID_INPUT for markers that are missing or wrong, and for a table that no result is for
 */
export function replaceTables(text: string, documents: readonly RecordedDocument[], path: string): string {
  const refuse = (what: string): never => {
    throw new PptError("INVALID_INPUT", `${path}: ${what}`);
  };
  const found = [...text.matchAll(tables)].length;
  const begun = [...text.matchAll(starts)].length;
  if (begun === 0) refuse(`has no ${tableMarkers.join(" with ")} after it to write between`);
  if (found !== begun)
    refuse(
      `${begun} tables begin, and ${found} can be written: write ${tableMarkers.join(" or <!-- benchmarks NAME,NAME/BACKEND --> on a line, and ")} after it`,
    );
  return text.replace(tables, (_, start: string, rows: string | undefined, end: string) => {
    const table = markdownTable(documents, { rows: rows?.split(","), path });
    if (table === "") refuse(`no result with PPT and unreduced is there for the table ${start}: is its name right?`);
    return `${start}\n${table}${end}`;
  });
}

export interface TableOptions {
  /** `BENCHMARK`, or `BENCHMARK/BACKEND` for some of its backends only. */
  readonly rows?: readonly string[] | undefined;
  /** The Markdown file that the table is for; links to results are relative to it. */
  readonly path?: string;
}

/**
 * Markdown: for each machine a table of images per second without and with PPT. Each row comes from the newest result that
 * has it, and its speedup links to the line of that result. `documents` come oldest first.
 */
export function markdownTable(documents: readonly RecordedDocument[], options: TableOptions = {}): string {
  const { rows = ["runs"], path = "." } = options;
  const machines = new Map<string, Row[]>();
  for (const wanted of rows)
    for (const document of documents.toReversed()) {
      const { cpu, cores, platform, arch } = document.hardware;
      const machine = `${cpu}, ${counted(cores, "thread")}, ${platform} ${arch}`;
      const known = machines.get(machine) ?? [];
      const found = rowsOf(document, wanted).filter((row) => !known.some(({ key }) => key === row.key));
      if (found.length > 0) machines.set(machine, [...known, ...found]);
    }
  return [...machines].map(([machine, found]) => machineTable(machine, found, dirname(path))).join("\n");
}

/** A cell with PPT, and the unreduced one beside it. */
interface Row {
  readonly key: string;
  readonly document: RecordedDocument;
  readonly unreduced: CellResult;
  readonly ppt: CellResult;
}

function rowsOf(document: RecordedDocument, wanted: string): Row[] {
  const [benchmark, backend] = wanted.split("/");
  if (document.benchmark !== benchmark) return [];
  return document.results.flatMap((ppt) => {
    if (ppt.policy !== "ppt" || ppt.speedup === null || (backend !== undefined && ppt.backend !== backend)) return [];
    const unreduced = document.results.find(
      (one) =>
        one.policy === "unreduced" && one.backend === ppt.backend && one.model === ppt.model && one.batch === ppt.batch,
    );
    const key = JSON.stringify([benchmark, ppt.model, ppt.batch, ppt.backend]);
    return unreduced ? [{ key, document, unreduced, ppt }] : [];
  });
}

/** Speedups over a reference backend's unreduced model, which only some benchmarks have. */
const overReference = ({ ppt }: Row) =>
  ppt.ratios.filter(({ backend, policy }) => backend !== ppt.backend && policy === "unreduced");

/** How far the answers of a precision lie from those in floats, in the same run. Random weights have no answer worth keeping. */
function besideFloats({ accuracy, model }: CellResult): string {
  if (!accuracy) return "";
  const { sameAnswer, images } = accuracy;
  const answers = geometryNames.includes(model) ? " (random weights)" : `, same answer to ${sameAnswer} of ${images}`;
  return `${percentOff(accuracy)} off${answers}`;
}

function machineTable(machine: string, rows: readonly Row[], folder: string): string {
  const dates = rows.map(({ document: { date, versions, hardware } }) => {
    const { cores, loadBefore } = hardware;
    // Speedups compare neighbours in time and stand a busy machine; images per second do not.
    const busy =
      loadBefore !== null && loadBefore > cores / 2 ? `, a busy machine (load ${loadBefore}): read the speedups` : "";
    return `${date.slice(0, 10)} on Node ${versions.node ?? "of an unknown version"}${busy}`;
  });
  const compared = rows.some((row) => overReference(row).length > 0);
  const accurate = rows.some(({ ppt }) => ppt.accuracy);
  const heads = ["model", "batch", "backend", "unreduced, images/s", "PPT, images/s", "speedup"];
  const lines = rows.map((row) => {
    const { model, batch, backend, imagesPerSecond, speedup } = row.ppt;
    const [before, after] = [row.unreduced.imagesPerSecond, imagesPerSecond].map(threeDigits);
    const others = overReference(row).map(({ backend, median }) => `${median.toFixed(2)}x over ${backend}`);
    return [
      ...[model, batch, backend, before!, after!].map(markdown),
      linked(`${speedup!.toFixed(2)}x`, row.document, folder),
      ...(accurate ? [markdown(besideFloats(row.ppt))] : []),
      ...(compared ? [markdown(others.join(", "))] : []),
    ];
  });
  return [
    markdown(`${machine}; ${[...new Set(dates)].sort().reverse().join(", ")}:`),
    "",
    rowOf([
      ...heads,
      ...(accurate ? ["logits beside floats"] : []),
      ...(compared ? ["over another unreduced model"] : []),
    ]),
    `${"| --- | ---: | --- | ---: | ---: | ---: |"}${accurate ? " --- |" : ""}${compared ? " --- |" : ""}`,
    ...lines.map(rowOf),
    "",
  ].join("\n");
}

const rowOf = (values: readonly string[]): string => `| ${values.join(" | ")} |`;

/** A link to the line of a result. Addresses keep only characters that mean nothing in Markdown. */
function linked(text: string, { source }: RecordedDocument, folder: string): string {
  if (!source) return text;
  const path = relative(folder, source.file).split(sep).map(encodeURIComponent).join("/");
  return `[${text}](${path.replace(/[()*_~]/g, (one) => `%${one.charCodeAt(0).toString(16)}`)}#L${source.line})`;
}

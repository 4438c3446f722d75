/** Results as documents: JSON to keep, a table in Markdown, and a link that holds the settings and the results. */
import { giga, threeDigits } from "../dom.js";
import type { Machine } from "../machine.js";
import { machineLine } from "../machine.js";
import { leastPairs, times } from "../paired.js";
import { policyTitles, type Settings } from "../settings.js";
import type { BenchmarkResult } from "./benchmark.js";
import { type Agreement, type Cell, isReference } from "./cells.js";

export const format = "ppt-vit-bench/2";

/** The JSON document that the user copies or downloads. */
export interface Report extends BenchmarkResult {
  readonly format: typeof format;
  readonly date: string;
  readonly address: string;
  readonly model: string;
  readonly machine: Machine;
  /** Of this project and of the runtimes. */
  readonly versions: Readonly<Record<string, string>>;
  readonly settings: Pick<
    Settings,
    | "preset"
    | "layers"
    | "tokensRemoved"
    | "threshold"
    | "backends"
    | "policies"
    | "dtypes"
    | "runs"
    | "warmup"
    | "batches"
  >;
  readonly pictures: readonly string[];
}

/** What a link holds of a result: the figures without every single run. */
export type SharedCell = Omit<Cell, "latenciesMs"> & { readonly latenciesMs?: readonly number[] };
export type SharedReport = Omit<Report, "cells"> & { readonly cells: readonly SharedCell[] };

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const isCell = (value: unknown): boolean =>
  isObject(value) &&
  ["backend", "policy", "dtype", "label"].every((key) => typeof value[key] === "string") &&
  ["medianMs", "imagesPerSecond", "gmacs"].every((key) => Number.isFinite(value[key]) && (value[key] as number) > 0);

/** A result from somebody else's text. @throws Error that says what is wrong */
export function parseReport(text: string): SharedReport {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error("it is no JSON: choose a file that Download JSON of this page wrote");
  }
  if (!isObject(json) || json.format !== format)
    throw new Error(
      `its format is ${JSON.stringify(isObject(json) ? json.format : undefined)}, expected "${format}": choose a file that Download JSON of this page wrote`,
    );
  const { cells, machine, model, date } = json;
  if (!Array.isArray(cells) || !cells.every(isCell))
    throw new Error("its cells are not those of a result of this page");
  if (!isObject(machine) || typeof machine.browser !== "string" || typeof machine.cores !== "number")
    throw new Error("it does not describe its machine");
  if (typeof model !== "string" || typeof date !== "string") throw new Error("it names no model or no date");
  // Results of before there were several sizes hold the one of all cells among the settings.
  const batch = isObject(json.settings) && typeof json.settings.batch === "number" ? json.settings.batch : 1;
  return { ...json, cells: cells.map((cell) => ({ batch, ...cell })) } as unknown as SharedReport;
}

/** A table for issues and READMEs. */
export function markdownOf({ cells, model, machine, date }: Report, titleOf: (backend: string) => string): string {
  const head = [
    ...["Backend", "Policy", "Precision", "Pictures per run", "Images/s", "Speedup", "95 % interval"],
    ...["Median ms", "GMACs", "Same answer", "Off by"],
  ];
  const rows = cells.map((cell) => [
    titleOf(cell.backend),
    policyTitles[cell.policy],
    cell.dtype,
    String(cell.batch),
    threeDigits(cell.imagesPerSecond),
    speedupOf(cell),
    cell.estimate ? `${cell.estimate.low.toFixed(2)} to ${cell.estimate.high.toFixed(2)}` : "–",
    threeDigits(cell.medianMs),
    giga(cell.gmacs),
    agreementInWords(cell.agreement),
    cell.difference === undefined ? "–" : threeDigits(cell.difference),
  ]);
  const line = (values: readonly string[]) => `| ${values.map((value) => value.replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = `|${head.map((_, i) => (i < 3 ? "---|" : "--:|")).join("")}`;
  return `${[line(head), rule, ...rows.map(line)].join("\n")}\n\n${model}, ${date.slice(0, 10)}, ${machineLine(machine)}\n`;
}

/** `8 of 8` */
export const agreementInWords = (agreement: Agreement | undefined): string =>
  agreement ? `${agreement.same} of ${agreement.of}` : "–";

/** `1.42×`; or that the runs are too few, or scatter too much, for a figure. */
export function speedupOf(cell: SharedCell): string {
  const { speedup, estimate } = cell;
  if (speedup === undefined) return "–";
  if (isReference(cell)) return times(1);
  if (!estimate) return `from ${leastPairs} runs on`;
  return estimate.verdict === "noisy" ? "too noisy" : times(speedup);
}

/** The part of a link after `#`: the result, compressed. */
export async function packReport(report: Report): Promise<string> {
  const cells = report.cells.map(({ latenciesMs: _, ...cell }) => cell);
  const text = JSON.stringify({ ...report, cells } satisfies SharedReport);
  const packed = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(packed).arrayBuffer());
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return `result=${base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

/** The result in a link. Undefined if it holds none. @throws Error that says what is wrong */
export async function unpackReport(hash: string): Promise<SharedReport | undefined> {
  const packed = new URLSearchParams(hash.replace(/^#/, "")).get("result");
  if (packed === null) return undefined;
  let text: string;
  try {
    const binary = atob(packed.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    text = await new Response(stream).text();
  } catch {
    throw new Error("the link is cut off or changed: ask for it again");
  }
  return parseReport(text);
}

/** `ppt-vit bench`: backends, models, policies and batches against each other on this machine. */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { PptError } from "@ppt-vit/core";
import { readText } from "../../documents/read.js";
import { writeError } from "../../files/errors.js";
import { requireWritable, writeFileWhole } from "../../files/write-file.js";
import { print, printJson, say } from "../../output/print.js";
import { requireContender } from "./contenders.js";
import { fileForResult, type Recorded, readRecorded, writeDocument } from "./documents.js";
import { measureGroup, schedule } from "./group.js";
import { type BenchPolicy, fetchModel, requireModelName } from "./model.js";
import { measurePeakMatmul } from "./peak.js";
import { renderReport } from "./report.js";
import { replaceTable, resultTable } from "./table.js";
import type { BenchDocument, CellFailure, CellResult } from "./types.js";
import { currentCommit, describeHardware, installedVersions } from "./versions.js";

/** What is left out is a default, that of `--quick` where it is set. */
export interface BenchFlags {
  readonly backends?: readonly string[];
  readonly models?: readonly string[];
  readonly policies?: readonly BenchPolicy[];
  readonly batches?: readonly number[];
  readonly seconds?: number;
  readonly quick: boolean;
  readonly out?: string;
  readonly report?: string;
  readonly json: boolean;
}

type Plan = Required<Pick<BenchFlags, "backends" | "models" | "policies" | "batches" | "seconds">>;

/** Those that run in Node without a GPU, and the usual way to run a Vision Transformer in JavaScript. */
const everyday: Plan = {
  backends: ["cpu", "onnx-cpu", "onnx-wasm", "tfjs-wasm", "transformers.js"],
  // The slower one first: what it takes too long is missing to the other, which has rounds enough.
  models: ["deit-s", "demo"],
  policies: ["unreduced", "ppt"],
  batches: [1, 8],
  seconds: 120,
};

/** Two groups, and room for the rest: within two minutes. */
const quick: Plan = { ...everyday, batches: [1], seconds: 50 };

/**
 * Measures group by group: what shares a model and a batch takes turns, so that a busy machine slows all alike.
 * -> exit code, 1 where nothing could be measured
 * @throws PptError UNKNOWN_BACKEND, INVALID_OPTION before anything is measured
 */
export async function benchCommand(flags: BenchFlags): Promise<0 | 1> {
  const defaults = flags.quick ? quick : everyday;
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  const { backends, models, policies, batches, seconds }: Plan = { ...defaults, ...given };
  for (const backend of backends) requireContender(backend);
  for (const model of models) requireModelName(model);
  const date = new Date();
  const file = flags.out === undefined ? undefined : fileForResult(flags.out, date);
  if (file !== undefined) requireWritable(file);
  if (flags.report !== undefined) prepareReport(flags.report);
  for (const model of models) await fetchModel(model);
  const hardware = describeHardware();

  const results: CellResult[] = [];
  const failures: CellFailure[] = [];
  const groups = models.flatMap((model) => batches.map((batch) => ({ model, batch })));
  const end = performance.now() + groups.length * seconds * 1000;
  for (const [at, { model, batch }] of groups.entries()) {
    const group = backends.flatMap((backend) => policies.map((policy) => ({ backend, model, policy, batch })));
    // What a group leaves over is for those after it.
    const measured = await measureGroup(group, (end - performance.now()) / (groups.length - at));
    results.push(...measured.results);
    failures.push(...measured.failures);
  }
  const document: BenchDocument = {
    benchmark: "ppt-vit bench",
    version: 1,
    date: date.toISOString(),
    ...currentCommit(),
    versions: installedVersions(),
    hardware,
    settings: { secondsPerGroup: seconds, ...schedule },
    peakMatmulGflops: await measurePeakMatmul(),
    results,
    failures,
  };
  if (file !== undefined) writeDocument(file, document);
  if (flags.report !== undefined) writeReport(flags.report, { documents: [document], others: [] });
  if (flags.json) printJson(document, 1);
  else print(...resultTable(document).trimEnd().split("\n"));
  if (file !== undefined) say(`recorded in ${file}`);
  return results.length > 0 ? 0 : 1;
}

/** Bytes of a Markdown file. */
const longestMarkdown = 2 ** 24;

export interface ReportFlags {
  /** Files and folders of recorded results. */
  readonly from: readonly string[];
  readonly report?: string;
  /** A Markdown file whose table between markers is rewritten. */
  readonly table?: string;
}

/** `ppt-vit bench --from`: a report from recorded results alone. @throws PptError NOT_FOUND, INVALID_INPUT, INVALID_OPTION */
export function reportCommand({ from, report, table }: ReportFlags): void {
  if (report === undefined && table === undefined)
    throw new PptError("INVALID_OPTION", "--from needs --report FILE.html, --table FILE.md, or both");
  const recorded = readRecorded(from);
  const lines = [`${recorded.documents.length} results of ppt-vit bench`];
  if (recorded.others.length > 0) lines.push(`not of ppt-vit bench, left out: ${recorded.others.join(", ")}`);
  // Both are made before either is written: a table without its markers leaves no half of the answer behind.
  const before = table === undefined ? "" : readText(table, longestMarkdown);
  const after = table === undefined ? "" : replaceTable(before, recorded.documents, table);
  if (report !== undefined) {
    prepareReport(report);
    writeReport(report, recorded);
    lines.push(`wrote ${report}`);
  }
  if (table !== undefined) {
    if (after !== before) writeFileWhole(table, after, "--table");
    lines.push(`${table}: the table ${after === before ? "was as the results give it" : "is rewritten"}`);
  }
  print(...lines);
}

/** Makes the folder of a report, before the work whose result it is to hold. @throws PptError WRITE_FAILED */
function prepareReport(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
  } catch (cause) {
    throw writeError(file, cause, "--report");
  }
  requireWritable(file, "--report");
}

const writeReport = (file: string, recorded: Recorded): void =>
  writeFileWhole(file, renderReport(recorded), "--report");

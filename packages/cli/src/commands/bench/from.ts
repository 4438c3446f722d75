/** `ppt-vit bench --from`: pages and tables from recorded results; nothing is measured. */
import { PptError } from "@ppt-vit/core";
import { readText } from "../../documents/read.js";
import { writeFileWhole } from "../../files/write-file.js";
import { print } from "../../output/print.js";
import { readRecorded } from "./documents.js";
import { replaceTables } from "./markdown-table.js";
import { prepareReport, writeReport } from "./measure.js";

/** Bytes of a Markdown file. */
const longestMarkdown = 2 ** 24;

export interface FromFlags {
  /** Files and folders of recorded results. */
  readonly from: readonly string[];
  readonly report?: string;
  /** A Markdown file whose tables between markers are rewritten. */
  readonly table?: string;
}

/** @throws PptError NOT_FOUND, INVALID_INPUT, INVALID_OPTION */
export function fromCommand({ from, report, table }: FromFlags): void {
  if (report === undefined && table === undefined)
    throw new PptError("INVALID_OPTION", "--from needs --report FILE.html, --table FILE.md, or both");
  const recorded = readRecorded(from);
  const lines = [`${recorded.documents.length} results of ppt-vit bench`];
  if (recorded.others.length > 0) lines.push(`not of ppt-vit bench, left out: ${recorded.others.join(", ")}`);
  // Both are made before either is written, so that a Markdown file without markers leaves no report behind.
  const before = table === undefined ? "" : readText(table, longestMarkdown);
  const after = table === undefined ? "" : replaceTables(before, recorded.documents, table);
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

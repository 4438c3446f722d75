/** Recorded results: files of one JSON document, and `.ndjson` files with one document a line, to which lines are only added. */

import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { PptError } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import { parseJson } from "../../documents/json.js";
import { quoted } from "../../documents/quoted.js";
import { readText } from "../../documents/read.js";
import { type Complain, checked, complainer } from "../../documents/schema.js";
import { writeError } from "../../files/errors.js";
import { requireWritable } from "../../files/write-file.js";
import { isReductionName, reductionNames } from "./reductions.js";
import { type BenchDocument, benchDocumentSchema, type CellSettings, format, mostDocumentBytes } from "./schema.js";
import { isVersion1, upgraded, version1Schema } from "./version-1.js";

/** A document, and the line that it was read from, counted from 1. */
export interface RecordedDocument extends BenchDocument {
  readonly source?: { readonly file: string; readonly line: number };
}

/** The results in some files and folders. */
export interface Recorded {
  /** Oldest first. */
  readonly documents: readonly RecordedDocument[];
  /** Files in the folders that do not hold results of `ppt-vit bench`. */
  readonly others: readonly string[];
}

const isLines = (file: string): boolean => file.endsWith(".ndjson");

/**
 * Reads files, which must hold results, and folders, whose other `.json` and `.ndjson` files are only named.
 * @throws PptError NOT_FOUND; INVALID_INPUT that names the file, the line and the field
 */
export function readRecorded(paths: readonly string[]): Recorded {
  const documents: RecordedDocument[] = [];
  const others: string[] = [];
  for (const path of paths) {
    if (!isFolder(path)) {
      documents.push(...parseFile(readText(path, mostDocumentBytes), path));
      continue;
    }
    const names = namesIn(path).filter((name) => name.endsWith(".json") || isLines(name));
    for (const name of names.sort()) {
      const file = join(path, name);
      const text = readText(file, mostDocumentBytes);
      if (isOther(text)) others.push(name);
      else documents.push(...parseFile(text, file));
    }
  }
  if (documents.length === 0)
    throw new PptError(
      "INVALID_INPUT",
      `${paths.join(", ")}: no result of ppt-vit bench among ${counted(others.length, "file")}`,
    );
  // Compared by code units, so that the order is the same on every machine.
  return { documents: documents.sort((a, b) => (a.date < b.date ? -1 : Number(a.date > b.date))), others };
}

/** @throws PptError NOT_FOUND */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    throw new PptError("NOT_FOUND", `${folder}: cannot be listed (${(cause as NodeJS.ErrnoException).code})`, {
      cause,
    });
  }
}

/**
 * One result: `FILE`, where the file holds one, or `FILE#WHICH`, where `WHICH` is the number of a line, or the beginning of
 * its date or commit.
 * @throws PptError NOT_FOUND; INVALID_INPUT that names the file, the line and the field; INVALID_OPTION where `WHICH` does
 * not name exactly one result
 */
export function readDocument(name: string): BenchDocument {
  const [, path = name, which] = existsSync(name) ? [] : (/^(.+)#([^#]+)$/s.exec(name) ?? []);
  const documents = parseFile(readText(path, mostDocumentBytes), path);
  const found = which === undefined ? documents : documents.filter((document) => isNamed(document, which));
  if (found.length === 1) return found[0]!;
  const lines = documents.map(({ date, commit }, i) => `${i + 1} (${date}${commit ? `, ${commit.slice(0, 7)}` : ""})`);
  throw new PptError(
    "INVALID_OPTION",
    `${name}: names ${found.length} results, expected 1: add #LINE, of ${lines.join(", ")}`,
  );
}

const isNamed = ({ source, date, commit }: RecordedDocument, which: string): boolean =>
  String(source?.line ?? 1) === which || (which.length >= 7 && [date, commit].some((text) => text?.startsWith(which)));

/** The documents of a file. @throws PptError INVALID_INPUT that names the file, the line and the field */
export function parseFile(text: string, file: string): RecordedDocument[] {
  if (!isLines(file)) return [parseDocument(text, file)];
  const lines = text.split("\n");
  if (lines.pop() !== "")
    throw new PptError(
      "INVALID_INPUT",
      `${file}: line ${lines.length + 1}: does not end with a newline: was it cut off?`,
    );
  return lines.map((line, i) => ({
    ...parseDocument(line, `${file}: line ${i + 1}`),
    source: { file, line: i + 1 },
  }));
}

/** @throws PptError INVALID_INPUT that starts with `where` and names the field */
export function parseDocument(text: string, where: string): BenchDocument {
  const json = parseJson(text, where);
  const complain = complainer(where);
  if (!claimsToBeOurs(json)) return complain("", "not a result of ppt-vit bench");
  return checkDocument(isVersion1(json) ? upgraded(checked(version1Schema, json, complain)) : json, complain);
}

/** Checks a document against the schema, and what no schema says. */
export function checkDocument(json: unknown, complain: Complain): BenchDocument {
  const document = checked(benchDocumentSchema, json, complain);
  requireConsistent(document, complain);
  return document;
}

const claimsToBeOurs = (json: unknown): json is object =>
  typeof json === "object" &&
  json !== null &&
  (isVersion1(json) || (Object.hasOwn(json, "format") && "format" in json && json.format === format));

/** Whether a file of a folder was written by something else. A damaged file of ours is not one of those. */
const isOther = (text: string): boolean => !text.includes(`"${format}"`);

/** Every cell is there once, its policy is known, and the 90th percentile is at least the median. */
function requireConsistent({ results, failures }: BenchDocument, complain: Complain): void {
  const cells = [...results, ...failures];
  const given = new Set(cells.filter(({ reduction }) => reduction !== undefined).map(({ policy }) => policy));
  const requireKnown = (policy: string, path: string) => {
    if (!isReductionName(policy) && !given.has(policy))
      complain(
        path,
        `is ${quoted(policy)}, expected one of ${reductionNames.join(", ")}, or settings that a cell records`,
      );
  };
  const known = new Map<string, string>();
  const once = ({ backend, model, policy, batch }: CellSettings, path: string) => {
    const key = JSON.stringify([backend, model, policy, batch]);
    const other = known.get(key);
    if (other !== undefined)
      complain(path, `is the cell of ${other} again: backend, model, policy and batch are the same`);
    known.set(key, path);
  };
  for (const [i, result] of results.entries()) {
    once(result, `results[${i}]`);
    requireKnown(result.policy, `results[${i}].policy`);
    for (const [k, ratio] of result.ratios.entries()) requireKnown(ratio.policy, `results[${i}].ratios[${k}].policy`);
    if (result.p90Ms !== null && result.p90Ms < result.medianMs)
      complain(`results[${i}].p90Ms`, `is ${result.p90Ms}, expected at least medianMs, ${result.medianMs}`);
  }
  for (const [i, failure] of failures.entries()) {
    once(failure, `failures[${i}]`);
    requireKnown(failure.policy, `failures[${i}].policy`);
  }
}

const isFolder = (path: string) => existsSync(path) && statSync(path).isDirectory();

/**
 * The file that `--out` names: a `.ndjson` file, to which a line is added; in a folder, `BENCHMARK.ndjson`; any other file
 * must be new.
 * @throws PptError INVALID_OPTION where it is not new or its folder does not exist; WRITE_FAILED where it cannot be written;
 * INVALID_INPUT where it holds something else than results
 */
export function fileForResult(out: string, benchmark: string): string {
  const file = isFolder(out) ? join(out, `${benchmark}.ndjson`) : out;
  if (!isFolder(dirname(file))) throw new PptError("INVALID_OPTION", `--out ${file}: there is no folder of that name`);
  if (existsSync(file)) {
    if (!isLines(file))
      throw new PptError("INVALID_OPTION", `--out ${file} exists, and results are only added: choose another name`);
    parseFile(readText(file, mostDocumentBytes), file);
  }
  requireWritable(file);
  return file;
}

/**
 * Adds a line to a `.ndjson` file, or writes a new file of another name; never replaces what is there.
 * -> the file, with `#LINE` where it has lines
 * @throws PptError WRITE_FAILED
 */
export function writeDocument(file: string, document: BenchDocument): string {
  try {
    if (!isLines(file)) {
      writeFileSync(file, `${JSON.stringify(document, null, 1)}\n`, { flag: "wx" });
      return file;
    }
    appendLine(file, `${JSON.stringify(document)}\n`);
  } catch (cause) {
    throw writeError(file, cause);
  }
  return `${file}#${parseFile(readText(file, mostDocumentBytes), basename(file)).length}`;
}

/** The whole line or nothing: on a full disk the file is cut to its old length again. */
function appendLine(path: string, line: string): void {
  const file = openSync(path, "a");
  try {
    const { size } = fstatSync(file);
    try {
      writeFileSync(file, line);
    } catch (error) {
      ftruncateSync(file, size);
      throw error;
    }
  } finally {
    closeSync(file);
  }
}

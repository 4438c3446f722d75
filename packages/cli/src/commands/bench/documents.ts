/** Recorded results: where they are written, and how they are read again. */
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { PptError } from "@ppt-vit/core";
import { parseJson } from "../../documents/json.js";
import { readText } from "../../documents/read.js";
import { type Complain, checked, complainer } from "../../documents/schema.js";
import { writeError } from "../../files/errors.js";
import { type BenchDocument, benchDocumentSchema, type CellSettings, mostDocumentBytes } from "./types.js";

/** What was found in files and folders of results. */
export interface Recorded {
  /** Oldest first. */
  readonly documents: readonly BenchDocument[];
  /** Files in the folders that other benchmarks wrote. */
  readonly others: readonly string[];
}

/**
 * Reads files, which must be of `ppt-vit bench`, and folders, whose other JSON files are only named.
 * @throws PptError NOT_FOUND; INVALID_INPUT that names the field which cannot be
 */
export function readRecorded(paths: readonly string[]): Recorded {
  const documents: BenchDocument[] = [];
  const others: string[] = [];
  for (const path of paths) {
    if (!isFolder(path)) {
      documents.push(readDocument(path));
      continue;
    }
    const names = namesIn(path).filter((name) => name.endsWith(".json"));
    for (const name of names.sort()) {
      const file = join(path, name);
      const text = readText(file, mostDocumentBytes);
      if (isOther(text)) others.push(name);
      else documents.push(parseDocument(text, file));
    }
  }
  if (documents.length === 0)
    throw new PptError("INVALID_INPUT", `${paths.join(", ")}: no result of ppt-vit bench among ${others.length} files`);
  // By code units, which is the same on every machine.
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

/** @throws PptError NOT_FOUND; INVALID_INPUT that names the field which cannot be */
export const readDocument = (file: string): BenchDocument => parseDocument(readText(file, mostDocumentBytes), file);

/** @throws PptError INVALID_INPUT that names the field which cannot be */
export function parseDocument(text: string, file: string): BenchDocument {
  const json = parseJson(text, file);
  const complain = complainer(file);
  if (!claimsToBeOurs(json)) return complain("", "not a result of ppt-vit bench");
  const document = checked(benchDocumentSchema, json, complain);
  requireConsistent(document, complain);
  return document;
}

const claimsToBeOurs = (json: unknown): boolean =>
  typeof json === "object" && json !== null && "benchmark" in json && json.benchmark === "ppt-vit bench";

/** Whether a file of a folder is of another benchmark, or no JSON at all. One of ours that is damaged is not. */
function isOther(text: string): boolean {
  try {
    return !claimsToBeOurs(JSON.parse(text));
  } catch {
    return !text.includes('"ppt-vit bench"');
  }
}

/** What no schema says: every cell is there once, and nine tenths of the runs are not faster than half of them. */
function requireConsistent({ results, failures }: BenchDocument, complain: Complain): void {
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
    if (result.p90Ms < result.medianMs)
      complain(`results[${i}].p90Ms`, `is ${result.p90Ms}, expected at least medianMs, ${result.medianMs}`);
  }
  for (const [i, failure] of failures.entries()) once(failure, `failures[${i}]`);
}

const isFolder = (path: string) => existsSync(path) && statSync(path).isDirectory();

/**
 * The file for a result: `out` itself, or in the folder `out` one that is named after the date. Results are only added.
 * @throws PptError INVALID_OPTION where the file exists, or its folder does not
 */
export function fileForResult(out: string, date: Date): string {
  const file = isFolder(out) ? join(out, `${date.toISOString().replace(/[:.]/g, "-").slice(0, 19)}-bench.json`) : out;
  if (existsSync(file))
    throw new PptError("INVALID_OPTION", `--out ${file} exists, and results are only added: choose another name`);
  if (!isFolder(dirname(file))) throw new PptError("INVALID_OPTION", `--out ${file}: there is no folder of that name`);
  return file;
}

/** Never replaces what another process has written meanwhile. @throws PptError WRITE_FAILED */
export function writeDocument(file: string, document: BenchDocument): void {
  try {
    writeFileSync(file, `${JSON.stringify(document, null, 1)}\n`, { flag: "wx" });
  } catch (cause) {
    throw writeError(file, cause);
  }
}

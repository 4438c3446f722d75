/** Recorded results: where they are written, and how they are read again. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { PptError } from "@ppt-vit/core";
import type { BenchDocument } from "./types.js";

/** What was found in files and folders of results. */
export interface Recorded {
  /** Oldest first. */
  readonly documents: readonly BenchDocument[];
  /** Files in the folders that other benchmarks wrote. */
  readonly others: readonly string[];
}

/**
 * Reads files, which must be of `ppt-vit bench`, and folders, whose other JSON files are only named.
 * @throws PptError NOT_FOUND, INVALID_INPUT
 */
export function readRecorded(paths: readonly string[]): Recorded {
  const documents: BenchDocument[] = [];
  const others: string[] = [];
  for (const path of paths) {
    if (!isFolder(path)) {
      documents.push(readDocument(path));
      continue;
    }
    const names = readdirSync(path).filter((name) => name.endsWith(".json"));
    for (const name of names.sort()) {
      const document = parse(readText(join(path, name)));
      if (document) documents.push(document);
      else others.push(name);
    }
  }
  if (documents.length === 0)
    throw new PptError("INVALID_INPUT", `${paths.join(", ")}: no result of ppt-vit bench among ${others.length} files`);
  return { documents: documents.sort((a, b) => a.date.localeCompare(b.date)), others };
}

/** @throws PptError NOT_FOUND, INVALID_INPUT */
export function readDocument(file: string): BenchDocument {
  const document = parse(readText(file));
  if (!document) throw new PptError("INVALID_INPUT", `${file}: not a result of ppt-vit bench`);
  return document;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new PptError("NOT_FOUND", `${file}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
}

function parse(text: string): BenchDocument | undefined {
  try {
    const document = JSON.parse(text) as BenchDocument;
    return document.benchmark === "ppt-vit bench" && document.version === 1 ? document : undefined;
  } catch {
    return undefined;
  }
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

export const writeDocument = (file: string, document: BenchDocument): void =>
  writeFileSync(file, `${JSON.stringify(document, null, 1)}\n`);

/** Labels files: CSV, TSV or JSON that name a class for each picture. */
import { extname } from "node:path";
import { PptError } from "@ppt-vit/core";
import { type CsvError, parse } from "csv-parse/sync";

export interface LabelledFile {
  readonly file: string;
  /** As it is written: a name, an index, or an identifier. */
  readonly label: string;
}

export const labelsFileEndings = [".csv", ".tsv", ".json"] as const;

/**
 * CSV and TSV: columns `file` and `label` by their names in the first line, else in this order. JSON: an array of `{ file,
 * label }`, or an object of labels by file.
 * @throws PptError INVALID_INPUT
 */
export function parseLabelsFile(content: string, where: string): LabelledFile[] {
  const entries = extname(where).toLowerCase() === ".json" ? fromJson(content, where) : fromCsv(content, where);
  const seen = new Set<string>();
  for (const { file } of entries) {
    if (seen.has(file)) throw new PptError("INVALID_INPUT", `${where}: ${JSON.stringify(file)} is listed twice`);
    seen.add(file);
  }
  return entries;
}

function fromCsv(content: string, where: string): LabelledFile[] {
  const rows = csvRows(content, where);
  const header = rows[0]?.map((cell) => cell.toLowerCase()) ?? [];
  const [file, label] = [header.indexOf("file"), header.indexOf("label")];
  const hasHeader = file >= 0 && label >= 0;
  return rows.slice(hasHeader ? 1 : 0).map((row, i) => {
    const [path, name] = hasHeader ? [row[file], row[label]] : row;
    if (!path || !name || (!hasHeader && row.length > 2))
      throw new PptError(
        "INVALID_INPUT",
        `${where}: entry ${i} is ${JSON.stringify(row)}: expected a file and a label; name the columns file and label in the first line where there are others`,
      );
    return { file: path, label: name };
  });
}

function csvRows(content: string, where: string): string[][] {
  const delimiter = extname(where).toLowerCase() === ".tsv" ? "\t" : ",";
  try {
    return parse(content, { bom: true, trim: true, skip_empty_lines: true, relax_column_count: true, delimiter });
  } catch (cause) {
    throw new PptError("INVALID_INPUT", `${where}: ${(cause as CsvError).message}`, { cause });
  }
}

function fromJson(content: string, where: string): LabelledFile[] {
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (cause) {
    throw new PptError("INVALID_INPUT", `${where}: ${(cause as Error).message}`, { cause });
  }
  const entries: { file: unknown; label: unknown }[] = Array.isArray(json)
    ? json.map((entry: unknown) => ({ file: undefined, label: undefined, ...(entry as object) }))
    : Object.entries(json ?? {}).map(([file, label]) => ({ file, label }));
  return entries.map(({ file, label }, i) => {
    if (typeof file === "string" && file !== "" && (typeof label === "string" || Number.isInteger(label)))
      return { file, label: String(label) };
    throw new PptError(
      "INVALID_INPUT",
      `${where}: entry ${i} has file ${JSON.stringify(file)} and label ${JSON.stringify(label)}: expected a path, and a name or an index`,
    );
  });
}

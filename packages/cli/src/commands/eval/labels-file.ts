/** Reads labels files: CSV, TSV or JSON with a class for each picture. */
import { dirname, extname, resolve } from "node:path";
import { PptError } from "@ppt-vit/core";
import { type CsvError, parse } from "csv-parse/sync";
import * as v from "valibot";
import { parseJson } from "../../documents/json.js";
import { quoted } from "../../documents/quoted.js";
import { type Complain, checked, complainer, list, name, record } from "../../documents/schema.js";
import { shown } from "../../output/terminal.js";
import { mostPathCharacters } from "./types.js";

const mostPictures = 5_000_000;
const mostLabelCharacters = 1000;

/** A path without NUL, which would end it for the operating system. */
const fileSchema = v.pipe(
  name(mostPathCharacters),
  v.check((path) => !path.includes("\0"), "a path, which holds no NUL"),
);
const nameSchema = name(mostLabelCharacters);

const entrySchema = record({
  file: fileSchema,
  /** The label as it is written: a name, an index, or an identifier. */
  label: nameSchema,
});
export type LabelledFile = v.InferOutput<typeof entrySchema>;

const indexOrName = v.union(
  [nameSchema, v.pipe(v.number("an index"), v.safeInteger("an index"))],
  `a name of at most ${mostLabelCharacters} characters, or an index`,
);
const jsonEntrySchema = record({ file: fileSchema, label: indexOrName });

export const labelsFileEndings = [".csv", ".tsv", ".json"] as const;

/** An entry, and how messages refer to it. */
interface Placed extends LabelledFile {
  readonly place: string;
}

/**
 * Parses a labels file. The columns of CSV and TSV are `file` and `label`, in the order that the first line names or in this one.
 * JSON is an array of `{ file, label }`, or an object of labels by file.
 * @param content without a byte order mark
 * @throws PptError INVALID_INPUT that names the line or the entry; also if a picture is listed twice, even by different spellings
 * of its path. Links count as pictures of their own.
 */
export function parseLabelsFile(content: string, where: string): LabelledFile[] {
  const complain = complainer(where);
  const isJson = extname(where).toLowerCase() === ".json";
  const entries = isJson ? fromJson(parseJson(content, where), complain) : fromCsv(content, where, complain);
  const seen = new Map<string, string>();
  for (const { file, place } of entries) {
    // The path by which it will be opened.
    const path = resolve(dirname(where), file);
    const known = seen.get(path);
    if (known !== undefined)
      complain(
        place,
        known === file
          ? `${quoted(file)} is listed twice`
          : `${quoted(file)} is listed twice, also as ${quoted(known)}`,
      );
    seen.set(path, file);
  }
  return entries.map(({ file, label }) => ({ file, label }));
}

interface Row {
  readonly record: string[];
  readonly info: { readonly lines: number };
}

function fromCsv(content: string, where: string, complain: Complain): Placed[] {
  const rows = csvRows(content, where);
  const header = rows[0]?.record.map((cell) => cell.toLowerCase()) ?? [];
  const [file, label] = [header.indexOf("file"), header.indexOf("label")];
  const hasHeader = file >= 0 && label >= 0;
  for (const column of ["file", "label"])
    if (hasHeader && header.indexOf(column) !== header.lastIndexOf(column))
      complain("line 1", `names the column ${column} twice`);
  return rows.slice(hasHeader ? 1 : 0).map(({ record, info }) => {
    const place = `line ${info.lines}`;
    const [path, name] = hasHeader ? [record[file], record[label]] : record;
    if (!path || !name || record.length > (hasHeader ? header.length : 2))
      complain(
        place,
        `is ${record.slice(0, 5).map(quoted).join(", ")}${record.length > 5 ? ", ..." : ""}: expected a file and a label; name the columns file and label in the first line where there are others`,
      );
    const entry = checked(entrySchema, { file: path, label: name }, (field, problem) =>
      complain(`${place}: ${field}`, problem),
    );
    return { ...entry, place };
  });
}

function csvRows(content: string, where: string): Row[] {
  const delimiter = extname(where).toLowerCase() === ".tsv" ? "\t" : ",";
  try {
    return parse(content, {
      ...{ trim: true, skip_empty_lines: true, relax_column_count: true, delimiter, info: true },
      // Without a limit, a quote that is never closed would swallow the rest of the file.
      max_record_size: 2 ** 16,
    }) as unknown as Row[];
  } catch (cause) {
    throw new PptError("INVALID_INPUT", `${where}: ${shown((cause as CsvError).message)}`, { cause });
  }
}

function fromJson(json: unknown, complain: Complain): Placed[] {
  if (typeof json !== "object" || json === null)
    return complain("", `is ${quoted(json)}, expected a list of { file, label }, or an object of labels by file`);
  if (Array.isArray(json))
    return checked(list(jsonEntrySchema, mostPictures), json, complain).map(({ file, label }, i) => ({
      ...{ file, label: String(label), place: `[${i}]` },
    }));
  return Object.entries(json).map(([file, label]) => {
    const place = quoted(file);
    const entry = checked(jsonEntrySchema, { file, label }, (field, problem) =>
      complain(`${place}: ${field}`, problem),
    );
    return { file: entry.file, label: String(entry.label), place };
  });
}

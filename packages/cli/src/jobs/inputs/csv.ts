/** Tables of paths: CSV and TSV with a column `path` or `file`. */
import { dirname, extname } from "node:path";
import { PptError } from "@ppt-vit/core";
import { type CsvError, parse } from "csv-parse/sync";
import { decodeText, readChunks } from "../../documents/read.js";
import { shown } from "../../output/terminal.js";
import type { InputKind } from "./kind.js";
import { from, mostListBytes } from "./list.js";

/** Names of the column of paths. */
const names = ["path", "file"];

export const csv: InputKind = {
  name: "CSV",
  description: "a table with a column path or file (.csv, .tsv)",
  root: dirname,
  takes: (argument) => /\.[ct]sv$/i.test(argument),
  *items(argument) {
    const refuse = (problem: string, cause?: unknown): never => {
      throw new PptError("INVALID_INPUT", `${argument}: ${problem}`, { cause });
    };
    const text = decodeText(Buffer.concat([...readChunks(argument, mostListBytes)]), argument);
    let rows: string[][];
    try {
      rows = parse(text, {
        ...{ skip_empty_lines: true, relax_column_count: true, bom: true },
        delimiter: extname(argument).toLowerCase() === ".tsv" ? "\t" : ",",
        // Without a limit, a quote that is never closed would swallow the rest of the file.
        max_record_size: 2 ** 16,
      });
    } catch (cause) {
      return refuse(shown((cause as CsvError).message), cause);
    }
    const [header = [], ...body] = rows;
    const columns = header.flatMap((cell, i) => (names.includes(cell.trim().toLowerCase()) ? [i] : []));
    if (columns.length !== 1)
      refuse(
        `its first line has ${columns.length} columns ${names.join(" or ")}, expected one: name the column of paths`,
      );
    const base = dirname(argument);
    for (const [i, row] of body.entries()) {
      const name = row[columns[0]!];
      if (!name) refuse(`row ${i + 2} has no path`);
      else yield { name, file: from(base, name) };
    }
  },
};

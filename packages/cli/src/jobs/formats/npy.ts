/** NumPy: an array of vectors, and the other columns as JSON lines beside it, in the same order. */
import { readSync } from "node:fs";
import { toFloat16 } from "@ppt-vit/backend-onnx";
import { PptError } from "@ppt-vit/core";
import { numpyHeader } from "@ppt-vit/pipeline";
import { type Table, type VectorType, vectorOf } from "../columns.js";
import { copyBytes, withFile } from "./copy.js";
import type { Format } from "./format.js";
import { lineWriter } from "./jsonl.js";

/** The bits of a vector in the file's type. */
export function bytesOfVector(vector: Float32Array, type: VectorType): Uint8Array {
  const bits = type === "float16" ? toFloat16(vector) : vector;
  return new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength);
}

const headerOf = (table: Table): Uint8Array =>
  numpyHeader([table.rows, vectorOf(table)!.length!], table.vectors === "float16" ? "<f2" : "<f4");

const otherNames = ({ columns }: Table): string[] =>
  columns.filter(({ type }) => type !== "vector").map(({ name }) => name);

export const npy: Format = {
  name: "npy",
  description: "a NumPy array of the vectors, and the other columns as JSON lines; a picture with an error has NaN",
  endings: [".npy", ".jsonl"],
  refuses: (table) =>
    vectorOf(table)
      ? undefined
      : "an array of NumPy holds vectors, and this command writes none: choose parquet or jsonl",
  write(table, [array, lines]) {
    const { name, length } = vectorOf(table)!;
    const none = bytesOfVector(new Float32Array(length!).fill(Number.NaN), table.vectors);
    const others = lineWriter(otherNames(table), lines!);
    array!(headerOf(table));
    return {
      add(row) {
        const vector = row[name];
        array!(vector instanceof Float32Array ? bytesOfVector(vector, table.vectors) : none);
        others.add(row);
      },
      end: others.end,
    };
  },
  async join(table, parts, [array, lines]) {
    array!(headerOf(table));
    const rowBytes = vectorOf(table)!.length! * (table.vectors === "float16" ? 2 : 4);
    for (const { files, rows } of parts) {
      const [from, others] = files as [string, string];
      const start = startOfValues(from);
      copyBytes(from, array!, start, start + rows * rowBytes);
      copyBytes(others, lines!);
    }
  },
};

function startOfValues(path: string): number {
  const start = Buffer.alloc(10);
  withFile(path, (file) => readSync(file, start, 0, 10, 0));
  if (start.toString("latin1", 1, 6) !== "NUMPY") throw new PptError("INVALID_INPUT", `${path}: no array of NumPy`);
  return 10 + start.readUInt16LE(8);
}

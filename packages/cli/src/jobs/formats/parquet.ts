/** Parquet, by hyparquet-writer. Vectors are lists, all of one length: Parquet has no type of its own for that. */
import { fstatSync, readSync } from "node:fs";
import { toFloat16 } from "@ppt-vit/backend-onnx";
import { PptError, reasonOf } from "@ppt-vit/core";
import { type FileMetaData, parquetMetadata, type RowGroup, type SchemaElement } from "hyparquet";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import { writeMetadata } from "hyparquet-writer/src/metadata.js";
import type { Column, Row, Table, VectorType } from "../columns.js";
import { copyBytes, withFile } from "./copy.js";
import type { Format, Sink, WrittenPart } from "./format.js";

/** Values of vectors in a row group: the writer needs some 100 bytes of memory for each. */
const groupValues = 2 ** 19;
const mostGroupRows = 8192;

/** Bytes that are gathered before they go to the file. */
const pieceBytes = 2 ** 20;

/** The writer's buffer, which it empties into the file as it grows. */
class SinkWriter extends ByteWriter {
  constructor(private readonly sink: Sink) {
    super(2 * pieceBytes);
  }

  override ensure(size: number): void {
    if (this.index > pieceBytes) this.flush();
    super.ensure(size);
  }

  flush(): void {
    this.sink(new Uint8Array(this.buffer, 0, this.index));
    this.index = 0;
  }

  override finish(): void {
    this.flush();
  }
}

const text = { type: "BYTE_ARRAY", converted_type: "UTF8" } as const;
const float = { type: "FLOAT" } as const;
const half = { type: "FIXED_LEN_BYTE_ARRAY", type_length: 2 } as const;

const list = (name: string, element: Omit<SchemaElement, "name">): SchemaElement[] => [
  { name, repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST", logical_type: { type: "LIST" } },
  { name: "list", repetition_type: "REPEATED", num_children: 1 },
  { name: "element", repetition_type: "REQUIRED", ...element },
];

/** @param named whether two bytes are named as a float16: the writer converts those more slowly than we do */
function elementsOf({ name, type }: Column, vectors: VectorType, named: boolean): SchemaElement[] {
  const optional = { name, repetition_type: "OPTIONAL" } as const;
  if (type === "text") return [{ ...optional, ...text }];
  if (type === "integer") return [{ ...optional, type: "INT64" }];
  if (type === "number") return [{ ...optional, ...float }];
  if (type === "texts") return list(name, text);
  if (type === "numbers" || vectors === "float32") return list(name, float);
  return list(name, named ? { ...half, logical_type: { type: "FLOAT16" } } : half);
}

const schemaOf = ({ columns, vectors }: Table, named: boolean): SchemaElement[] => [
  { name: "rows", num_children: columns.length },
  ...columns.flatMap((column) => elementsOf(column, vectors, named)),
];

/** The two bytes of each float16, made when first needed: a vector holds many, and the writer takes them as arrays. */
const halves: Uint8Array[] = [];
const halfBytes = (bits: number): Uint8Array => (halves[bits] ??= Uint8Array.of(bits & 255, bits >> 8));

const valuesOf =
  ({ name, type }: Column, vectors: VectorType) =>
  (row: Row): unknown => {
    const value = row[name] ?? null;
    if (type === "integer") return value === null ? null : BigInt(value as number);
    if (!(value instanceof Float32Array)) return value;
    return vectors === "float16" ? Array.from(toFloat16(value), halfBytes) : Array.from(value);
  };

export const parquet: Format = {
  name: "parquet",
  description: "Parquet, which DuckDB, pandas, Polars and Spark read",
  endings: [".parquet"],
  refuses: () => undefined,

  write(table, [sink]) {
    const writer = new SinkWriter(sink!);
    const file = new ParquetWriter({
      writer,
      schema: schemaOf(table, false),
      codec: "UNCOMPRESSED",
      statistics: false,
      createdBy: "ppt-vit",
    });
    const widest = Math.max(1, ...table.columns.map(({ length }) => length ?? 1));
    const groupRows = Math.max(1, Math.min(mostGroupRows, Math.floor(groupValues / widest)));
    let rows: Row[] = [];
    const flush = () => {
      if (rows.length === 0) return;
      file.write({
        columnData: table.columns.map((column) => ({
          name: column.name,
          data: rows.map(valuesOf(column, table.vectors)),
          // Values of vectors hardly repeat: looking for repetitions costs time and finds none.
          ...(column.type === "vector" && { encoding: "PLAIN" }),
        })),
        rowGroupSize: rows.length,
      });
      rows = [];
    };
    return {
      add(row) {
        rows.push(row);
        if (rows.length === groupRows) flush();
      },
      end() {
        flush();
        file.schema = schemaOf(table, true);
        file.finish();
      },
    };
  },

  /** Row groups are copied as they are; only their places in the file change. */
  async join(table, parts, [sink]) {
    const writer = new SinkWriter(sink!);
    writer.appendUint32(magic);
    writer.flush();
    let at = 4;
    const groups: RowGroup[] = [];
    let schema: SchemaElement[] = schemaOf(table, true);
    for (const part of parts) {
      const { metadata, end } = read(part);
      schema = metadata.schema;
      copyBytes(part.files[0]!, sink!, 4, end);
      groups.push(...metadata.row_groups.map((group) => moved(group, at - 4)));
      at += end - 4;
    }
    writer.offset = at;
    // The writer counts the bytes of the metadata itself.
    const metadata: Omit<FileMetaData, "metadata_length"> = {
      version: 2,
      created_by: "ppt-vit",
      schema,
      num_rows: BigInt(table.rows),
      row_groups: groups,
    };
    writeMetadata(writer, metadata as FileMetaData);
    writer.appendUint32(magic);
    writer.finish();
  },
};

/** `PAR1` */
const magic = 0x31524150;

/** The metadata of a part, and where its row groups end. @throws PptError INVALID_INPUT */
function read({ files: [path], rows }: WrittenPart): { readonly metadata: FileMetaData; readonly end: number } {
  return withFile(path!, (file) => {
    const size = fstatSync(file).size;
    const tail = Buffer.alloc(8);
    readSync(file, tail, 0, 8, Math.max(0, size - 8));
    const length = tail.readUInt32LE(0);
    const refuse = (problem: string): never => {
      throw new PptError("INVALID_INPUT", `${path}: ${problem}`);
    };
    if (tail.readUInt32LE(4) !== magic || length + 12 > size) refuse("no Parquet file, or one that was cut off");
    const footer = Buffer.alloc(length + 8);
    readSync(file, footer, 0, footer.length, size - footer.length);
    try {
      const metadata = parquetMetadata(new Uint8Array(footer).buffer);
      if (Number(metadata.num_rows) !== rows) refuse(`has ${metadata.num_rows} rows, expected ${rows}`);
      return { metadata, end: size - footer.length };
    } catch (cause) {
      return refuse(reasonOf(cause));
    }
  });
}

/** A row group as it is after its file was moved by `by` bytes. Indexes of pages are left out: their places would be wrong. */
function moved(group: RowGroup, by: number): RowGroup {
  const place = <Name extends string>(name: Name, offset: bigint | undefined) =>
    (offset === undefined ? {} : { [name]: offset + BigInt(by) }) as { [Key in Name]?: bigint };
  return {
    ...group,
    columns: group.columns.map(({ file_offset, meta_data: meta, file_path: _ }) => ({
      file_offset: file_offset + BigInt(by),
      ...(meta && {
        meta_data: {
          ...meta,
          data_page_offset: meta.data_page_offset + BigInt(by),
          ...place("dictionary_page_offset", meta.dictionary_page_offset),
        },
      }),
    })),
  };
}

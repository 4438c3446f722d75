/** The columns of what a job writes: one row for each picture. */

/** `vector` has the same number of values in every row; `texts` and `numbers` are lists of any length. */
export type ColumnType = "text" | "integer" | "number" | "texts" | "numbers" | "vector";

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** Of a vector: how many values it has. */
  readonly length?: number;
}

export type Value = string | number | readonly string[] | readonly number[] | Float32Array | null;
export type Row = Readonly<Record<string, Value>>;

/** The columns of every job. A picture that could not be used has an error, and null in the columns of its command. */
export const commonColumns: readonly Column[] = [
  { name: "path", type: "text" },
  { name: "size", type: "integer" },
  { name: "sha256", type: "text" },
  { name: "error", type: "text" },
];

/** How the values of vectors are stored. */
export const vectorTypes = ["float32", "float16"] as const;
export type VectorType = (typeof vectorTypes)[number];

/** What a file of rows must know before its first row. */
export interface Table {
  readonly columns: readonly Column[];
  readonly vectors: VectorType;
  readonly rows: number;
}

/** The column of vectors, if there is one. */
export const vectorOf = ({ columns }: Pick<Table, "columns">): Column | undefined =>
  columns.find(({ type }) => type === "vector");

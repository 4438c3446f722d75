/** What a format of parts is: one file here, and its line in `index.ts`. */
import type { Row, Table } from "../columns.js";

/** Where the bytes of a file go, in their order. */
export type Sink = (bytes: Uint8Array) => void;

export interface TableWriter {
  add(row: Row): void;
  /** Writes what is left. */
  end(): void;
}

/** A file of a part that has been written. */
export interface WrittenPart {
  /** Its files, in the order of `endings`. */
  readonly files: readonly string[];
  readonly rows: number;
}

export interface Format {
  readonly name: string;
  readonly description: string;
  /** The endings of a part's files. What `merge` writes has the same. */
  readonly endings: readonly string[];
  /** Why such a table cannot be written; undefined if it can. */
  refuses(table: Omit<Table, "rows">): string | undefined;
  /** @param sinks one for each of `endings` */
  write(table: Table, sinks: readonly Sink[]): TableWriter;
  /** Writes all rows of the parts, in their order, without holding more than a few megabytes. @throws PptError INVALID_INPUT */
  join(table: Table, parts: readonly WrittenPart[], sinks: readonly Sink[]): Promise<void>;
}

/** What a kind of input is: one file here, and its line in `index.ts`. */
import type { Item } from "./item.js";

export interface ListingOptions {
  /** Whether names in lists end with NUL instead of a line end, as `find -print0` writes them. */
  readonly nul: boolean;
}

export interface InputKind {
  readonly name: string;
  /** As in "a folder". */
  readonly description: string;
  /** Whether an argument is of this kind. @param isFolder whether it is a folder */
  takes(argument: string, isFolder: boolean): boolean;
  /**
   * The pictures, in an order that is the same on every machine.
   * @throws PptError NOT_FOUND, INVALID_INPUT if the whole argument is of no use
   */
  items(argument: string, options: ListingOptions): Iterable<Item> | AsyncIterable<Item>;
  /** What must stay there while the pictures are read; undefined if nothing is known. */
  root(argument: string): string | undefined;
}

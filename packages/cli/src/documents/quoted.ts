/** A value out of a document as an error message shows it. */
import { json } from "../output/terminal.js";

const mostCharacters = 80;

/** The beginning of a text that is longer than `most` characters. */
export const cut = (text: string, most = mostCharacters): string =>
  text.length > most ? `${text.slice(0, most - 3)}...` : text;

/** What is inside a value, for those that are not shown whole. */
const outline = (value: object): string => (Array.isArray(value) ? `a list of ${value.length}` : "an object");

/** JSON of one line, with every character printable, and of at most 80 characters. Never throws. */
export function quoted(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "object" && value !== null) return outline(value);
  // Cut before it is escaped, too: escapes of a long text would take long, and six times the memory.
  return typeof value === "string" ? cut(json(cut(value))) : cut(String(value));
}

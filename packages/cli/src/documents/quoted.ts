/** Shows values from documents in error messages. */
import { json } from "../output/terminal.js";

const mostCharacters = 80;

/** `text`, cut to `most` characters if it is longer. */
export const cut = (text: string, most = mostCharacters): string =>
  text.length > most ? `${text.slice(0, most - 3)}...` : text;

/** Describes a list or an object, which is too long to be shown. */
const outline = (value: object): string => (Array.isArray(value) ? `a list of ${value.length}` : "an object");

/** `value` as printable JSON on one line of at most 80 characters. Never throws. */
export function quoted(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "object" && value !== null) return outline(value);
  // Cut before escaping too: escaping a long text takes time and six times its memory.
  return typeof value === "string" ? cut(json(cut(value))) : cut(String(value));
}

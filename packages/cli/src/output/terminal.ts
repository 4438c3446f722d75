/**
 * Escapes text for a terminal. Labels, file names, error messages and arguments come from others, and a terminal obeys what they
 * contain: escape sequences, C1 controls, line ends, and characters that reorder or hide text.
 */

/** Unicode categories without a glyph: controls, format, surrogates, private use, unassigned; line and paragraph separators. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

const shortEscapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** `\u001b`; two such escapes for a character of two UTF-16 units, as in JSON. */
const unicodeEscape = (character: string): string =>
  Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
  ).join("");

/**
 * `text` on one line of a terminal: characters that cannot be printed become `\n` or `\u001b`. Escaping twice changes nothing,
 * so a whole line may be escaped after its parts.
 */
export const shown = (text: string): string =>
  text.replace(unprintable, (character) => shortEscapes[character] ?? unicodeEscape(character));

/** Template tag that escapes the interpolated values: ``line`wrote ${file}` ``. */
export const line = (parts: TemplateStringsArray, ...values: readonly unknown[]): string =>
  parts.reduce((text, part, i) => `${text}${shown(String(values[i - 1]))}${part}`);

/**
 * `value` as JSON of printable characters: those that a terminal obeys or hides become `\u` escapes, which parsers read back as
 * the same text. The only line ends are those of `indent`.
 */
export const json = (value: unknown, indent?: number): string =>
  JSON.stringify(value, null, indent).replace(unprintable, (character) =>
    character === "\n" ? character : unicodeEscape(character),
  );

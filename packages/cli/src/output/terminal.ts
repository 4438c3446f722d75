/**
 * Text of any origin on a terminal. Labels, file names, error messages and arguments come from others, and a terminal obeys
 * what is in them: escape sequences, C1 controls, line ends, and characters that reorder or hide text.
 */

/** Categories that print nothing of their own: controls, format, surrogates, private use, unassigned; line separators. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

const shortEscapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** `\u001b`, or two of them where a character needs two units, as JSON has it. */
const unicodeEscape = (character: string): string =>
  Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
  ).join("");

/**
 * `text` for one line of a terminal: what cannot be printed is escaped as `\n` or `\u001b`. Text that was escaped before
 * stays as it is, so a line may be escaped as a whole after its parts.
 */
export const shown = (text: string): string =>
  text.replace(unprintable, (character) => shortEscapes[character] ?? unicodeEscape(character));

/** A line of text whose interpolated values are escaped: ``line`wrote ${file}` ``. */
export const line = (parts: TemplateStringsArray, ...values: readonly unknown[]): string =>
  parts.reduce((text, part, i) => `${text}${shown(String(values[i - 1]))}${part}`);

/**
 * `value` as JSON in which every character prints: those that a terminal obeys or hides are `\u` escapes, which parsers
 * read back as the same text. Line ends are those of `indent`.
 */
export const json = (value: unknown, indent?: number): string =>
  JSON.stringify(value, null, indent).replace(unprintable, (character) =>
    character === "\n" ? character : unicodeEscape(character),
  );

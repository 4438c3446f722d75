/** Escapes values for Markdown: for a line of text or a table cell. */
import { html } from "./html.js";

/** Characters without a glyph, and those that hide others: controls, formats, separators, private use, unassigned. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

const reference = (character: string): string => `&#${character.charCodeAt(0)};`;

/**
 * `value` as one line of text. Characters that Markdown or HTML could read as markup become character references. Both show
 * these as the character itself and never as part of a link, tag, table or emphasis.
 */
export const markdown = (value: string | number): string =>
  html(String(value).replace(/\s+/g, " ").trim().replace(unprintable, "\ufffd"))
    .replace(/[\\`*[\]|~]/g, reference)
    // Underscores inside a word, as in `my_model`, have no meaning and stay.
    .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, reference)
    // Headings, lists, quotes and rules start a line. Web addresses become links anywhere.
    .replace(/^[#+=-]|(?<=^\d{1,9})[.)](?= |$)|:(?=\/\/)|(?<=www)\./gi, reference);

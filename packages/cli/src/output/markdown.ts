/** Values of any origin inside Markdown: a line of text, or a cell of a table. */
import { html } from "./html.js";

/** Controls, formats, line and paragraph separators, private use, unassigned: what shows nothing, or hides something. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

const reference = (character: string): string => `&#${character.charCodeAt(0)};`;

/**
 * One line of text. What Markdown or HTML would take for markup becomes a character reference, which stands for the character
 * in both and is never part of a link, a tag, a table or emphasis.
 */
export const markdown = (value: string | number): string =>
  html(String(value).replace(/\s+/g, " ").trim().replace(unprintable, "\ufffd"))
    .replace(/[\\`*[\]|~]/g, reference)
    // A model's `my_model` stays as it is: underscores inside words mean nothing.
    .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, reference)
    // Headings, lists, quotes and rules begin lines; addresses become links wherever they stand.
    .replace(/^[#+=-]|(?<=^\d{1,9})[.)](?= |$)|:(?=\/\/)|(?<=www)\./gi, reference);

/** JSON out of files that nobody vouches for: what JSON.parse takes without a word, or chokes on, is refused. */
import { PptError } from "@ppt-vit/core";
import { shown } from "../terminal.js";
import { quoted } from "./quoted.js";

/** What is written here nests six levels deep. */
const deepest = 32;
/** As many as 400,000 pictures take; each may cost some 60 bytes of memory. */
const mostValues = 5_000_000;

const code = {
  space: 0x20,
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

/**
 * The JSON in `text`, with every name once in each object, at most 32 levels deep and of at most 5 million values.
 * @throws PptError INVALID_INPUT whose message starts with `where`
 */
export function parseJson(text: string, where: string): unknown {
  const problem = structuralProblem(text);
  if (problem !== undefined) throw new PptError("INVALID_INPUT", `${where}: ${problem}`);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new PptError("INVALID_INPUT", `${where}: is not JSON: ${shown((cause as Error).message)}`, { cause });
  }
}

/** Looks at brackets, commas and names only: whether `text` is JSON is for JSON.parse to say. */
function structuralProblem(text: string): string | undefined {
  const at = (index: number) => `line ${text.slice(0, index).split("\n").length}`;
  // The names of each object that is open; undefined for a list.
  const open: (Set<string> | undefined)[] = [];
  let values = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index);
    if (character === code.quote) {
      const end = endOfString(text, index);
      const names = open.at(-1);
      if (names && isFollowedByColon(text, end)) {
        const name = unescaped(text.slice(index, end));
        if (name !== undefined && names.has(name)) return `${at(index)}: the name ${quoted(name)} is there twice`;
        if (name !== undefined) names.add(name);
      }
      index = end - 1;
    } else if (character === code.openBrace || character === code.openBracket) {
      open.push(character === code.openBrace ? new Set() : undefined);
      values++;
      if (open.length > deepest) return `${at(index)}: nested deeper than ${deepest} levels`;
    } else if (character === code.closeBrace || character === code.closeBracket) open.pop();
    else if (character === code.comma) values++;
    if (values > mostValues) return `holds more than ${mostValues} values`;
  }
  return undefined;
}

/** The index behind the closing quote of the string that starts at `start`, or the end of an unfinished text. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === code.backslash) escapes++;
    if (escapes % 2 === 0) return end + 1;
  }
  return text.length;
}

function isFollowedByColon(text: string, start: number): boolean {
  let index = start;
  while (index < text.length && text.charCodeAt(index) <= code.space) index++;
  return text.charCodeAt(index) === code.colon;
}

/** Names are equal when they are so after unescaping. Undefined for what JSON.parse will refuse. */
function unescaped(literal: string): string | undefined {
  if (!literal.includes("\\")) return literal.slice(1, -1);
  try {
    return JSON.parse(literal) as string;
  } catch {
    return undefined;
  }
}

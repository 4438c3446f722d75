/** Finds what JSON.parse accepts silently (equal names, of which the last wins) or fails on (too many values, deep nesting). */

export interface JsonLimits {
  /** The most levels of objects and lists. */
  readonly deepest: number;
  /** The most commas and opening brackets. A text has at most one value more than these. */
  readonly mostValues: number;
}

/** What is wrong with a text, and at which index. */
export type JsonProblem = { readonly at: number } & (
  | { readonly kind: "deep" | "many" }
  | { readonly kind: "twice"; readonly name: string }
);

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
 * The first problem in the structure of `text`: too many levels, too many values, or a name that its object already has. Only
 * brackets, commas and names are looked at. Whether `text` is JSON at all is left to JSON.parse.
 */
export function jsonProblem(text: string, { deepest, mostValues }: JsonLimits): JsonProblem | undefined {
  // The names in each open object; undefined for an open list.
  const open: (Set<string> | undefined)[] = [];
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === code.quote) {
      const end = endOfJsonString(text, at);
      const names = open.at(-1);
      const name = names && isFollowedByColon(text, end) ? unescaped(text.slice(at, end)) : undefined;
      if (names && name !== undefined) {
        if (names.has(name)) return { at, kind: "twice", name };
        names.add(name);
      }
      at = end - 1;
    } else if (character === code.openBrace || character === code.openBracket) {
      open.push(character === code.openBrace ? new Set() : undefined);
      values++;
      if (open.length > deepest) return { at, kind: "deep" };
    } else if (character === code.closeBrace || character === code.closeBracket) open.pop();
    else if (character === code.comma) values++;
    if (values > mostValues) return { at, kind: "many" };
  }
  return undefined;
}

/** The index behind the closing quote of the string that starts at `start`, or the end of an unfinished text. */
export function endOfJsonString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === code.quote) return at + 1;
    if (character === code.backslash) at++;
  }
  return text.length;
}

export function isFollowedByColon(text: string, start: number): boolean {
  let at = start;
  while (at < text.length && text.charCodeAt(at) <= code.space) at++;
  return text.charCodeAt(at) === code.colon;
}

/** The text of a name without escapes, for comparing names. Undefined if JSON.parse will refuse it. */
function unescaped(literal: string): string | undefined {
  if (!literal.includes("\\")) return literal.slice(1, -1);
  try {
    return JSON.parse(literal) as string;
  } catch {
    return undefined;
  }
}

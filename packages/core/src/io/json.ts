/** Reads JSON from files that may be broken or hostile. Some texts that JSON.parse accepts are refused, with the reason. */
import { counted } from "../counted.js";
import { PptError, reasonOf } from "../errors.js";
import { bytesCheck, checkArgument } from "../options.js";
import { endOfJsonString, isFollowedByColon, jsonProblem } from "./json-structure.js";
import { looksLike } from "./looks-like.js";

export type Fail = (message: string) => never;

/** A safetensors header needs three levels: the header, a tensor's entry, its shape. */
const deepest = 16;
/** Far above any published model, and low enough that a hostile header cannot ask for gigabytes. */
const mostValues = 1_000_000;
/** A configuration names up to a million classes twice, as `id2label` and as `label2id`. A file with more is refused. */
const mostConfigValues = 4_000_000;

const code = { quote: 0x22, comma: 0x2c, minus: 0x2d, upperI: 0x49, upperN: 0x4e, openBracket: 0x5b, openBrace: 0x7b };

/** The JSON in `bytes`. A name that stands twice in an object is an error. Each message begins with `what`. */
export function parseStrictJson(bytes: Uint8Array, what: string, fail: Fail): unknown {
  return parseChecked(decodeUtf8(bytes, what, fail), what, fail, JSON.parse);
}

/** As `parseStrictJson`, for a file that Python's `json` wrote: it may begin with a byte order mark, and `NaN` is a number. */
export function parseStrictPythonJson(bytes: Uint8Array, what: string, fail: Fail): unknown {
  return parseChecked(decodeUtf8(bytes, what, fail).replace(/^\ufeff/, ""), what, fail, parsePythonJson);
}

function parseChecked(text: string, what: string, fail: Fail, parse: (text: string) => unknown): unknown {
  try {
    checkStructure(text, what, fail);
    return parse(text);
  } catch (error) {
    if (error instanceof PptError) throw error;
    return fail(`${what} is not valid JSON: ${reasonOf(error)}`);
  }
}

/**
 * The JSON of a configuration, as Python's `json` writes it. `NaN`, `Infinity` and `-Infinity` are numbers here; a reader
 * refuses them if it needs that field. A byte order mark at the beginning is ignored. A field named `__proto__` is an error at
 * any depth: no checkpoint has one, and code that copies fields would set the prototype.
 * @throws Error with the reason; SyntaxError if `bytes` are not JSON
 */
export function parseConfigJson(bytes: Uint8Array): unknown {
  checkArgument("parseConfigJson", "bytes", bytes, bytesCheck);
  // The decoder drops a byte order mark.
  const text = new TextDecoder().decode(bytes);
  if (text.trim() === "")
    throw new Error(`holds nothing (${counted(bytes.length, "byte")}): is the download complete?`);
  const kind = looksLike(bytes);
  if (kind !== undefined) throw new Error(`is ${kind}`);
  if (valuesBegunIn(text) > mostConfigValues) throw new Error(`holds more than ${mostConfigValues} values`);
  const json = parsePythonJson(text);
  // A list instead of recursion, because deep nesting would overflow the stack.
  const left: unknown[] = [json];
  while (left.length > 0) {
    const value = left.pop();
    if (typeof value !== "object" || value === null) continue;
    if (Object.hasOwn(value, "__proto__")) throw new Error("a field is named '__proto__': this is no configuration");
    for (const part of Object.values(value)) left.push(part);
  }
  return json;
}

/** A string that replaces a number which JSON cannot write, until the text is parsed. No label begins with U+0000. */
const stands = (word: string): string => `\0${word}`;
const unwritable: ReadonlyMap<unknown, number> = new Map([
  [stands("NaN"), Number.NaN],
  [stands("Infinity"), Number.POSITIVE_INFINITY],
  [stands("-Infinity"), Number.NEGATIVE_INFINITY],
]);

/** JSON.parse that also accepts `NaN`, `Infinity` and `-Infinity` as values. @throws SyntaxError */
function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const replaced = replaceUnwritable(text);
    if (replaced === undefined) throw error;
    let json: unknown;
    try {
      json = JSON.parse(replaced);
    } catch {
      // The first error's message quotes the file itself, not the replaced text.
      throw error;
    }
    const holder = { json };
    const left: object[] = [holder];
    for (let value = left.pop(); value !== undefined; value = left.pop())
      for (const [name, part] of Object.entries(value)) {
        if (typeof part === "object" && part !== null) left.push(part);
        const number = unwritable.get(part);
        // An assignment would set the prototype if the field is named `__proto__`.
        if (number !== undefined)
          Object.defineProperty(value, name, { value: number, enumerable: true, writable: true, configurable: true });
      }
    return holder.json;
  }
}

/** The text with strings in place of Python's words for numbers. Undefined if it has no such word. */
function replaceUnwritable(text: string): string | undefined {
  const parts: string[] = [];
  let copied = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === code.quote) at = endOfJsonString(text, at) - 1;
    if (character !== code.upperN && character !== code.upperI) continue;
    const word = character === code.upperN ? "NaN" : "Infinity";
    const end = at + word.length;
    // A word before a colon would be a name without quotes, which Python does not write either.
    if (!text.startsWith(word, at) || isFollowedByColon(text, end)) continue;
    const isNegative = word === "Infinity" && at > copied && text.charCodeAt(at - 1) === code.minus;
    parts.push(text.slice(copied, isNegative ? at - 1 : at), JSON.stringify(stands(isNegative ? `-${word}` : word)));
    copied = end;
    at = end - 1;
  }
  return copied === 0 ? undefined : parts.join("") + text.slice(copied);
}

/** Counts commas and opening brackets. A text has at most one value more than these. */
function valuesBegunIn(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === code.quote) at = endOfJsonString(text, at) - 1;
    else if (character === code.comma || character === code.openBrace || character === code.openBracket) count++;
  }
  return count;
}

function decodeUtf8(bytes: Uint8Array, what: string, fail: Fail): string {
  try {
    // A copy, because decoders refuse shared memory.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes));
  } catch {
    return fail(`${what} is not valid UTF-8`);
  }
}

/** Refuses equal names in an object, deep nesting and too many values. */
function checkStructure(text: string, what: string, fail: Fail): void {
  const problem = jsonProblem(text, { deepest, mostValues });
  if (problem?.kind === "deep") fail(`${what} nests deeper than ${deepest} levels`);
  if (problem?.kind === "many") fail(`${what} lists more than ${mostValues} values`);
  if (problem?.kind === "twice") fail(`${what} has the name ${quote(problem.name)} twice in one object`);
}

/** A JSON object's fields. Undefined if `value` is not an object. In a Map `__proto__` is a name like any other. */
export function fieldsOf(value: unknown): Map<string, unknown> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return new Map<string, unknown>(Object.entries(value));
}

const shorten = (text: string): string => (text.length > 80 ? `${text.slice(0, 77)}...` : text);

/** A name in quotes for a message: shortened, with control characters escaped. */
export const quote = (name: string): string => `'${JSON.stringify(shorten(name)).slice(1, -1)}'`;

/** Faults in texts of JSON, lines or a table, as a person, a program or an attacker may make them. */
import { below, mutated, pick, type Random } from "./mutate.js";

/** JSON that replaces a value. */
const literals = [
  ...["null", "true", "[]", "{}", '""', "0", "-0", "-1", "0.5", "1e9", "1e308", "1e999", "-1e999", "9007199254740993"],
  ...[
    '"0"',
    '"x"',
    '"<script>alert(1)</script>"',
    '"__proto__"',
    '"\\u0000"',
    '"\\ud800"',
    '"\\u202e"',
    "NaN",
    "undefined",
  ],
  ...[
    '{"__proto__":{"rank":0}}',
    '{"length":1e9}',
    '{"toString":1,"valueOf":2}',
    "[[[[[[[[]]]]]]]]",
    "[null]",
    '[{"index":0}]',
  ],
  `"${"x".repeat(20_000)}"`,
  "[".repeat(2000),
  `${"[".repeat(100)}${"]".repeat(100)}`,
];

/** Text that replaces a part of any text. */
const pieces = [
  "\n",
  "\r\n",
  ",",
  '"',
  "'",
  "\\",
  "\t",
  "{",
  "}",
  "[",
  "]",
  ":",
  "\0",
  "\u001b[31m",
  "\ufeff",
  "\u2028",
  "=",
  "../",
  "//",
  "💥",
];

/** Names, numbers and strings of JSON, and the names before a colon. */
const tokens = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null/gi;

const places = (text: string) =>
  [...text.matchAll(tokens)].map(({ 0: { length }, index }) => [index, index + length] as const);

const replaced = (text: string, start: number, end: number, by: string) => text.slice(0, start) + by + text.slice(end);

const faults: readonly ((text: string, random: Random) => string)[] = [
  function anotherValue(text, random) {
    const found = places(text);
    if (found.length === 0) return text;
    const [start, end] = pick(found, random);
    return replaced(text, start, end, pick(literals, random));
  },
  function exchangedValues(text, random) {
    const found = places(text);
    if (found.length === 0) return text;
    const [start, end] = pick(found, random);
    const [from, to] = pick(found, random);
    return replaced(text, start, end, text.slice(from, to));
  },
  function anotherNumber(text, random) {
    return text.replace(/\d+/g, (number) =>
      random() < 0.05 ? String(Number(number) + pick([-1, 1, 1e6], random)) : number,
    );
  },
  function fieldTwice(text, random) {
    const fields = [...text.matchAll(/"[^"]*"\s*:\s*[^,{}[\]]+,?/g)];
    if (fields.length === 0) return text;
    const { 0: field, index } = pick(fields, random);
    return replaced(text, index, index, `${field.replace(/,$/, "")},`);
  },
  function lineAgain(text, random) {
    const all = text.split("\n");
    const [from, to] = [below(all.length, random), below(all.length + 1, random)];
    return [...all.slice(0, to), all[from]!, ...all.slice(to)].join("\n");
  },
  function linesExchanged(text, random) {
    const all = text.split("\n");
    const [a, b] = [below(all.length, random), below(all.length, random)];
    return all.map((line, i) => (i === a ? all[b]! : i === b ? all[a]! : line)).join("\n");
  },
  function piece(text, random) {
    const at = below(text.length + 1, random);
    return replaced(text, at, Math.min(text.length, at + below(3, random)), pick(pieces, random));
  },
  function nothing(_, random) {
    return pick(["", "null", "[]", "{}", "\n", "\ufeff", "0", '"x"'], random);
  },
];

/** `text` with one to three faults. Every fourth time some are in its bytes, which may make it invalid UTF-8. */
export function mutatedText(text: string, random: Random): Uint8Array {
  let result = text;
  for (let n = 1 + below(3, random); n > 0; n--) result = pick(faults, random)(result, random);
  const bytes = Buffer.from(result);
  return random() < 0.25 ? mutated(bytes, random) : bytes;
}

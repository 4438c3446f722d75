/** JSON lines: one object a row. */
import type { Row, Value } from "../columns.js";
import { copyBytes } from "./copy.js";
import type { Format, Sink } from "./format.js";

/** Nine significant digits distinguish every float32 from its neighbours. */
export const shortest = (value: number): number => Number(value.toPrecision(9));

const plain = (value: Value): unknown => (value instanceof Float32Array ? Array.from(value, shortest) : value);

/** Lines are gathered into pieces of this many characters. */
const pieceCharacters = 2 ** 18;

export function lineWriter(names: readonly string[], sink: Sink) {
  let text = "";
  const flush = () => {
    if (text !== "") sink(Buffer.from(text));
    text = "";
  };
  return {
    add(row: Row) {
      text += `${JSON.stringify(Object.fromEntries(names.map((name) => [name, plain(row[name] ?? null)])))}\n`;
      if (text.length > pieceCharacters) flush();
    },
    end: flush,
  };
}

export const jsonl: Format = {
  name: "jsonl",
  description: "a JSON object a line",
  endings: [".jsonl"],
  refuses: ({ vectors }) =>
    vectors === "float16" ? "numbers in JSON have no float16: leave --vectors out" : undefined,
  write: ({ columns }, [sink]) =>
    lineWriter(
      columns.map(({ name }) => name),
      sink!,
    ),
  async join(_table, parts, [sink]) {
    for (const { files } of parts) copyBytes(files[0]!, sink!);
  },
};

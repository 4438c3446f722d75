import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { json, line, shown } from "../src/output/terminal.js";

/** One character of each kind that a terminal interprets or hides. */
const hostile = [
  "\x1b[31m",
  "\x1b]0;title\x07",
  "\x9b2J",
  "\x00",
  "\x7f",
  "a\nb",
  "a\r\nb",
  "a\tb",
  "a\u2028b\u2029c",
  "\u202egnp.exe", // right to left
  "\u200b\u200d\ufeff\u00ad",
  "\ue000\u{f0000}",
  "\u0378\ufffe\u{e0041}\u{1fffe}",
  "\ud800x\udcff",
];
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Co}\p{Cn}]/u;

describe("shown", () => {
  it.each(hostile)("leaves nothing in %j that a terminal obeys or hides", (text) => {
    expect(shown(text)).not.toMatch(unprintable);
    expect(shown(text).length).toBeGreaterThan(text.length);
  });

  it("says what was there", () => {
    expect(shown("\x1b[31m\x9b2J\n\u202e\u{f0000}")).toBe("\\u001b[31m\\u009b2J\\n\\u202e\\udb80\\udc00");
  });

  it("leaves text of all languages, emoji and backslashes as they are, and escapes once only", () => {
    const text = "C:\\new Ünïcode 日本語 العربية 😀 e\u0301 \u00a0 100 %";
    expect(shown(text)).toBe(text);
    const escaped = shown(hostile.join(" "));
    expect(shown(escaped)).toBe(escaped);
  });
});

it("line escapes what is put into it, not what it says itself", () => {
  expect(line`wrote ${"a\nb"}, ${3} pictures`).toBe("wrote a\\nb, 3 pictures");
  expect(line`${"\x1b"}`).toBe("\\u001b");
});

describe("json", () => {
  it.each(hostile)("holds %j in printable characters, and gives it back", (text) => {
    const value = { [text]: [text] };
    for (const indent of [undefined, 1, 2]) {
      const written = json(value, indent);
      expect(written.replaceAll("\n", "")).not.toMatch(unprintable);
      expect(JSON.parse(written)).toEqual(value);
    }
  });
});

it("nothing else prints than the module that escapes, and the bars", () => {
  const source = join(import.meta.dirname, "../src");
  const printing = readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .filter((file) => /process\.std(out|err)|console\.\w/.test(readFileSync(join(source, file), "utf8")));
  expect(printing.sort()).toEqual([join("output", "print.ts"), join("output", "progress.ts")]);
});

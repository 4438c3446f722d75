/** Tests how `npm run published` finds the blocks of documents, and that none can get by without being run. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { blocksOf, findDocuments } from "../scripts/published/blocks.mjs";
import { wayOf } from "../scripts/published/ways/index.mjs";
import { root } from "../scripts/workspace.mjs";

const fence = (language: string, text: string) => `\`\`\`${language}\n${text}\n\`\`\`\n`;
const parsed = (markdown: string) => blocksOf("README.md", markdown);

test("every fence of every document is a block, also in lists and quotes", () => {
  const documents = findDocuments();
  expect(documents).toEqual(expect.arrayContaining(["README.md", "CONTRIBUTING.md", "packages/pipeline/README.md"]));
  for (const document of documents) {
    const markdown = readFileSync(join(root, document), "utf8");
    const fences = markdown.split("\n").filter((line) => /^[\s>]*(```|~~~)/.test(line)).length / 2;
    expect([document, blocksOf(document).length]).toEqual([document, fences]);
  }
});

test("every block of every document has a way", () => {
  for (const block of findDocuments().flatMap((document) => blocksOf(document)))
    expect(() => wayOf(block), `${block.document}:${block.line}`).not.toThrow();
});

describe("a block", () => {
  test("has its text verbatim, its language, and the line of its fence", () => {
    const text = 'console.log("<!-- no comment -->");\n\n  indented();';
    expect(parsed(`# Title\n\n- a list\n\n  ${fence("JS {1,3}", text).replaceAll("\n", "\n  ")}`)).toEqual([
      { document: "README.md", line: 5, language: "js", text: `${text}\n`, file: undefined, says: {} },
    ]);
  });

  test("is told about by the comment right before it, and by no other", () => {
    const comment = '<!-- block: way=parse reason="two words" prologue=a,b -->\n';
    expect(parsed(`${comment}${fence("js", "1")}${fence("js", "2")}`).map(({ says }) => says)).toEqual([
      { way: "parse", reason: "two words", prologue: "a,b" },
      {},
    ]);
    expect(parsed(`${comment}\nText.\n\n${fence("js", "1")}`)[0]!.says).toEqual({});
  });

  test("with an unknown word in its comment is refused", () => {
    expect(() => parsed(`<!-- block: skip=yes -->\n${fence("js", "1")}`)).toThrow(/README.md: .* has 'skip'/);
    expect(() => parsed(`<!-- block: skip -->\n${fence("js", "1")}`)).toThrow(/has 'skip'/);
  });

  test("that is a whole file says so in its first line", () => {
    expect(parsed(fence("js", "// worker.js: this is the whole file\n1"))[0]!.file).toBe("worker.js");
  });
});

describe("the way of a block", () => {
  const says = (words: Record<string, string>, language = "js") => wayOf({ language, says: words });

  test("follows from its language", () => {
    expect([says({}), says({}, "sh"), says({}, "python"), says({}, "jsonc")]).toEqual([
      "node",
      "shell",
      "python",
      "json",
    ]);
  });

  test("must be said for other languages", () => {
    expect(() => says({}, "")).toThrow(/nothing says how to run a block in ''/);
    expect(() => says({}, "rust")).toThrow(/'rust'/);
  });

  test("that runs nothing needs a reason", () => {
    expect(() => says({ way: "parse" })).toThrow(/reason=/);
    expect(says({ way: "parse", reason: "why" })).toBe("parse");
    expect(() => says({ way: "none", reason: "why" })).toThrow(/none of/);
  });
});

/** Tests that texts of documents stay text inside pages and tables, whatever they contain. */
import { marked } from "marked";
import { describe, expect, it } from "vitest";
import { markdownTable } from "../src/commands/bench/markdown-table.js";
import { renderReport } from "../src/commands/bench/report.js";
import type { BenchDocument } from "../src/commands/bench/schema.js";
import { reportPage } from "../src/commands/eval/page.js";
import type { EvalReport } from "../src/commands/eval/types.js";
import { markdown } from "../src/output/markdown.js";
import { benchDocument, evalPart, leaves, named, valueAt, withValue } from "./valid-documents.js";

const hostile = [
  "<script>alert(1)</script>",
  "</title></style></svg><img src=x onerror=alert(1)>",
  `" onmouseover="alert(1)" x='`,
  "a | b | c",
  "line\n| new | row |\n\n# heading\r\n",
  "[x](javascript:alert(1)) ![y](http://example.com/z.png)",
  "](javascript:alert(1))",
  "`code` **bold** _em_ ~~gone~~ \\| \\",
  "<!-- /benchmarks -->",
  "&lt;b&gt; &#60;b&#62;",
  "# heading",
  "- item",
  "1. item",
  "    code",
  "http://example.com www.example.com",
  "\u001b]0;TITLE\u0007\u009b31m\u202etxt.exe\u200b",
];

/** The tags of a page in order, with the names of their attributes. */
const tagsOf = (page: string) =>
  (page.match(/<[^>]*>/g) ?? []).map((tag) => tag.replace(/"[^"]*"/g, '""').replace(/\s+/g, " "));

describe("texts of a document", () => {
  const texts = (document: object) => leaves(document).filter((path) => typeof valueAt(document, path) === "string");

  it("do not become markup of a page, whichever field they are in", () => {
    const pages: [object, (document: object) => string][] = [
      [evalPart(null), (document) => reportPage(document as EvalReport)],
      [benchDocument(), (document) => renderReport({ documents: [document as BenchDocument], others: [] })],
    ];
    for (const [document, render] of pages)
      for (const path of texts(document)) {
        // The schema checks the fields that choose a colour.
        if (path.at(-1) === "policy") continue;
        const plain = tagsOf(render(withValue(document, path, "x")));
        for (const text of hostile) {
          const page = render(withValue(document, path, text));
          expect(tagsOf(page), `${named(path)}: ${text}`).toEqual(plain);
          expect(page).not.toMatch(/<script|<img|javascript:alert\(1\)"|(?!\n)\p{Cc}|\u202e/u);
        }
      }
  });

  it("do not become markup where numbers belong, even unchecked", () => {
    const page = reportPage(withValue(evalPart(null), ["tokens", 0], "<b>17</b>") as never);
    expect(page).toContain("&lt;b&gt;17&lt;/b&gt;");
    expect(renderReport({ documents: [], others: ["<b>.json"] })).toContain("&lt;b&gt;.json");
  });

  it("stay text in Markdown, whichever field they are in", () => {
    for (const path of texts(benchDocument())) {
      const at = named(path);
      if (!/hardware|versions|model|backend/.test(at) || /^failures|policy$/.test(at)) continue;
      for (const text of hostile) {
        const document = benchDocument();
        // A line of the table needs both rows of a pair.
        const changed = /^results\[\d\]\.(model|backend)/.test(at)
          ? { ...document, results: document.results.map((result) => ({ ...result, [String(path.at(-1))]: text })) }
          : withValue(document, path, text);
        const table = markdownTable([changed]);
        expect(table.split("\n"), `${at}: ${text}`).toHaveLength(6);
        const page = marked.parse(`before\n\n<!-- benchmarks -->\n${table}<!-- /benchmarks -->\n`, { async: false });
        expect(new Set(tagsOf(page).map((tag) => tag.replace(/ .*/, ">"))), `${at}: ${text}`).toEqual(
          new Set([
            "<p>",
            "</p>",
            "<!-->",
            "<table>",
            "</table>",
            "<thead>",
            "</thead>",
            "<tbody>",
            "</tbody>",
            "<tr>",
            "</tr>",
            "<th>",
            "</th>",
            "<td>",
            "</td>",
          ]),
        );
        // A run on another backend than the ratio's gets a column of its own.
        expect(page.match(/<td/g)).toHaveLength(at.endsWith("backend") ? 7 : 6);
        expect(table).not.toMatch(/(?!\n)[\p{C}\p{Zl}\p{Zp}]/u);
      }
    }
  });

  it("say in Markdown what they said", () => {
    for (const text of ["my_model", "./a-b/c.d", "Intel(R) Xeon(R) CPU @ 2.10GHz", "a&b <c>", "50% * 2 | 3"]) {
      const page = marked.parse(`| a |\n| --- |\n| ${markdown(text)} |\n`, { async: false });
      const cell = /<td>(.*)<\/td>/.exec(page)![1]!;
      const characters: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"' };
      const said = cell.replace(
        /&(?:#(\d+)|(\w+));/g,
        (_, code, name) => characters[name] ?? String.fromCharCode(code),
      );
      expect(said).toBe(text);
    }
    expect(markdown("my_model 2.5")).toBe("my_model 2.5");
  });
});

/**
 * Tests documents that are read back, with faults that a seed decides: shards and journals of evaluations, results of bench,
 * files of classes and of labels. Any content is either read or refused with a code, soon and without much memory.
 *
 * `FUZZ_ROUNDS=20000 npx vitest run test/fuzz/documents` tries more of each kind. Another FUZZ_SEED tries others.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isPptError } from "@ppt-vit/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDocument, parseFile } from "../../packages/cli/src/commands/bench/documents.js";
import { markdownTable } from "../../packages/cli/src/commands/bench/markdown-table.js";
import { renderReport } from "../../packages/cli/src/commands/bench/report.js";
import { resultTable } from "../../packages/cli/src/commands/bench/table.js";
import { matchClasses, parseIdentifiers } from "../../packages/cli/src/commands/eval/classes.js";
import { parseJournal } from "../../packages/cli/src/commands/eval/journal.js";
import { parseLabelsFile } from "../../packages/cli/src/commands/eval/labels-file.js";
import { mergeReports, parseReport } from "../../packages/cli/src/commands/eval/merge.js";
import { reportPage } from "../../packages/cli/src/commands/eval/page.js";
import { reportText } from "../../packages/cli/src/commands/eval/report.js";
import { readText } from "../../packages/cli/src/documents/read.js";
import { benchDocument, evalPart, journal, labels } from "../../packages/cli/test/valid-documents.js";
import { root } from "../../scripts/workspace.mjs";
import { mutatedText } from "./documents.js";
import { randomOf, rounds, seed } from "./mutate.js";

const runs = rounds(300);
const start = seed();
/** Limit for one document, on a shared machine. */
const mostMs = 5000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ppt-vit-fuzz-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const lines = (values: readonly unknown[]) => `${values.map((value) => JSON.stringify(value)).join("\n")}\n`;

/** Each kind of document: valid texts, as the program writes them and otherwise spelled, and the code that reads them. */
const kinds: Readonly<
  Record<string, { readonly file: string; readonly valid: readonly string[]; read(file: string): void }>
> = {
  "a shard": {
    file: "part.json",
    valid: [
      JSON.stringify(evalPart({ index: 1, count: 1 }), null, 1),
      JSON.stringify(evalPart({ index: 2, count: 2 })),
    ],
    read(file) {
      const report = parseReport(readText(file, 1e9), file);
      reportPage(report);
      reportText(report);
      reportPage(mergeReports([{ file, report }]));
    },
  },
  "a journal": {
    file: "x.journal.jsonl",
    valid: [lines(journal.lines), lines(journal.lines.slice(0, 2)), lines(journal.lines).slice(0, -9)],
    read: (file) => void parseJournal([Buffer.from(readText(file, 1e9))], file, journal.expected),
  },
  "a result of bench": {
    file: "bench.json",
    valid: [JSON.stringify(benchDocument(), null, 1)],
    read(file) {
      const document = parseDocument(readText(file, 1e9), file);
      renderReport({ documents: [document], others: [] });
      markdownTable([document]);
      resultTable(document);
    },
  },
  "results of bench, one a line": {
    file: "runs.ndjson",
    valid: [lines([benchDocument()]), lines([benchDocument(), benchDocument()])],
    read: (file) => void markdownTable(parseFile(readText(file, 1e9), file)),
  },
  "a classes file": {
    file: "classes.json",
    valid: [
      '{"n1":0,"n2":"crane","n3":2}',
      '{"0":["n1","tench"],"1":["n2","crane"],"2":["n3","soccer_ball"]}',
      "\ufeff{}",
    ],
    read: (file) => void matchClasses(["n1"], labels, parseIdentifiers(readText(file, 1e9), file, labels)),
  },
  "a classes file of lines": {
    file: "classes.txt",
    valid: ["n1 tench, Tinca tinca\nn2 crane\r\nn3 soccer ball\n"],
    read: (file) => void matchClasses(["n1"], labels, parseIdentifiers(readText(file, 1e9), file, labels)),
  },
  "a labels file": {
    file: "labels.json",
    valid: ['[{"file":"a.png","label":"crane"},{"file":"b/c.png","label":1}]', '{"a.png":"crane","b/c.png":1}'],
    read: readLabels,
  },
  "a labels file of lines": {
    file: "labels.csv",
    valid: ['file,label\na.png,crane\n"b, c.png",1\n', "a.png,crane\r\nb.png,1\r\n"],
    read: readLabels,
  },
};

function readLabels(file: string): void {
  const names = parseLabelsFile(readText(file, 1e9), file).map(({ label }) => label);
  matchClasses(names, labels);
}

describe.each(Object.entries(kinds))("%s", (name, { file, valid, read }) => {
  test(`with any fault is read or refused with a code (${runs} documents from seed ${start})`, () => {
    const random = randomOf(start * 1000 + name.length);
    const path = join(folder, file);
    const codes = new Map<string, number>();
    for (let i = 0; i < runs; i++) {
      const bytes = mutatedText(valid[i % valid.length]!, random);
      writeFileSync(path, bytes);
      const begun = performance.now();
      let outcome = "read";
      try {
        read(path);
      } catch (error) {
        const shown = `document ${i}: ${Buffer.from(bytes.subarray(0, 2000)).toString("latin1")}`;
        if (!isPptError(error)) throw new Error(`an error without a code, ${shown}`, { cause: error });
        expect(error.message.length, shown).toBeLessThan(2000);
        outcome = error.code;
      }
      expect(performance.now() - begun, `document ${i} from seed ${start}`).toBeLessThan(mostMs);
      codes.set(outcome, (codes.get(outcome) ?? 0) + 1);
    }
    // If every fault were seen at once, only the first check would be tested. If none were seen, nothing would be.
    expect([...codes.keys()]).toContain("INVALID_INPUT");
    expect(codes.get("INVALID_INPUT")).toBeGreaterThan(runs / 10);
  });
});

test("the command line says a code and needs little memory, whatever the document", () => {
  const random = randomOf(start);
  const main = join(root, "packages/cli/dist/main.js");
  // Prints the peak memory of the process, in KiB.
  const probe = `process.on("exit", () => console.error("memory " + process.resourceUsage().maxRSS))`;
  const merge = (file: string) => ["eval", "merge", file, "-o", "merged.json", "--report", "page.html"];
  const huge: [string, string | Uint8Array, (file: string) => string[]][] = [
    ["deep", "[".repeat(5e7), merge],
    ["long", `{"evaluation":"ppt-vit eval","x":"${"x".repeat(1e8)}"}`, merge],
    ["many", `[${"{},".repeat(3e7)}{}]`, merge],
    ["numbers", `{"evaluation":"ppt-vit eval","version":1,"tokens":[${"1,".repeat(4e6)}1]}`, merge],
    ["larger", new Uint8Array(2 ** 27 + 1), merge],
    ["names", `{${Array.from({ length: 2e6 }, (_, i) => `"${i}":0`).join()}}`, merge],
    ["shards", JSON.stringify({ ...evalPart({ index: 1, count: 1 }), shard: { index: 1, count: 1e9 } }), merge],
    ...Array.from({ length: 3 }, (_, i): (typeof huge)[number] => {
      const text = i === 0 ? JSON.stringify(benchDocument()) : JSON.stringify(evalPart({ index: 1, count: 1 }));
      const args = (file: string) => (i === 0 ? ["bench", "--from", file, "--report", "page.html"] : merge(file));
      return [`any-${i}`, mutatedText(text, random), args];
    }),
  ];
  for (const [name, content, args] of huge) {
    const file = join(folder, `${name}.json`);
    writeFileSync(file, content);
    const { status, stderr, signal } = spawnSync(
      process.execPath,
      ["--import", `data:text/javascript,${encodeURIComponent(probe)}`, main, ...args(file)],
      { cwd: folder, encoding: "utf8", timeout: 30_000 },
    );
    expect({ status, signal }, `${name}: ${stderr.slice(0, 500)}`).toEqual({
      status: expect.any(Number),
      signal: null,
    });
    expect(stderr).not.toMatch(/unexpected error|\n\s+at /);
    // Status 1 is a result with pictures that failed.
    expect([0, 1, 2]).toContain(status);
    if (status === 2) expect(stderr).toMatch(/^ppt-vit: .* \[[A-Z_]+\]$/m);
    if (name.match(/deep|many|larger|shards|names|numbers|long/)) expect(status, name).toBe(2);
    expect(Number(/^memory (\d+)$/m.exec(stderr)![1]) / 1024, `${name}: MiB`).toBeLessThan(500);
    rmSync(file);
  }
});

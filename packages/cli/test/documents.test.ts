/** Tests that wrong documents are refused with the name of the file and the field. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isPptError } from "@ppt-vit/core";
import { describe, expect, it, test } from "vitest";
import { parseDocument } from "../src/commands/bench/documents.js";
import { parseIdentifiers } from "../src/commands/eval/classes.js";
import { picturesOf } from "../src/commands/eval/consistency.js";
import { openJournal, parseJournal } from "../src/commands/eval/journal.js";
import { parseLabelsFile } from "../src/commands/eval/labels-file.js";
import { mergeReports, parseReport, readReport } from "../src/commands/eval/merge.js";
import { batchesOf } from "../src/commands/eval/run.js";
import { parseJson } from "../src/documents/json.js";
import { readText } from "../src/documents/read.js";
import { folder, invalid } from "./input.js";
import {
  benchDocument,
  benchDocument1,
  evalPart,
  evalSettings,
  journal,
  labels,
  leaves,
  named,
  type Path,
  valueAt,
  withValue,
} from "./valid-documents.js";

/** The field that a message names. A reduction is checked as a whole. */
const fieldOf = (path: Path) => (named(path).startsWith("settings.reduction") ? "settings.reduction" : named(path));

const readers = {
  "a part of an evaluation": {
    document: evalPart({ index: 1, count: 2 }) as object,
    version: 1,
    /** Fields that say what kind a document is, and fields that may hold anything. */
    free: /^evaluation/,
    read: (text: string) => void parseReport(text, "x.json"),
  },
  "a result of bench": {
    document: benchDocument() as object,
    version: 2,
    free: /^format|^settings|^measurements\[0\]\.facts/,
    read: (text: string) => void parseDocument(text, "x.json"),
  },
  "a result of bench, version 1": {
    document: benchDocument1() as object,
    version: 1,
    free: /^benchmark/,
    read: (text: string) => void parseDocument(text, "x.json"),
  },
};

describe.each(Object.entries(readers))("%s", (_, { document, version, free, read }) => {
  const fields = leaves(document);
  const checked = fields.filter((path) => !free.test(named(path)));
  const readValue = (value: unknown) => read(JSON.stringify(value));

  it("is read as it was written", () => {
    readValue(document);
    read(`\n ${JSON.stringify(document, null, 3)}\r\n`);
  });

  it("names each field that holds something else", () => {
    expect(fields.length).toBeGreaterThan(30);
    for (const path of checked) {
      for (const value of [{ a: 1 }, [[]], "\u0000".repeat(30_000), -1.5])
        expect(() => readValue(withValue(document, path, value)), named(path)).toThrow(
          expect.objectContaining({
            code: "INVALID_INPUT",
            message: expect.stringMatching(
              new RegExp(`^x\\.json: ${fieldOf(path).replace(/[[\].]/g, "\\$&")}(\\.\\w+|\\[\\d+\\])*: [ -~]{1,300}$`),
            ),
          }),
        );
    }
  });

  it("takes NaN, infinite numbers and numbers as text for none", () => {
    const numbers = checked.filter((path) => typeof valueAt(document, path) === "number");
    for (const path of numbers) {
      const blank = JSON.stringify(withValue(document, path, "@@"));
      // An infinite threshold means the action `pool`.
      for (const literal of path.at(-1) === "threshold" ? ["-1e999", '"1"'] : ["1e999", "-1e999", '"1"'])
        expect(() => read(blank.replace('"@@"', literal)), `${named(path)} ${literal}`).toThrow(invalid(fieldOf(path)));
      expect(() => read(blank.replace('"@@"', "NaN"))).toThrow(invalid("is not JSON"));
    }
  });

  it("names each field that is missing", () => {
    for (const path of checked) {
      const copy = withValue(document, path);
      if (typeof path.at(-1) === "number" || /commit|versions|reduction\.(threshold|policy)/.test(named(path)))
        continue;
      expect(() => readValue(copy), named(path)).toThrow(invalid(`x.json: ${fieldOf(path)}`));
    }
  });

  it("is not another document", () => {
    for (const text of ["{}", "null", "[]", "3", '"x"', '{"__proto__":{"evaluation":"ppt-vit eval"}}'])
      expect(() => read(text)).toThrow(invalid("x.json: not a result of ppt-vit"));
    expect(() => readValue({ ...document, version: 9 })).toThrow(invalid(`x.json: version: is 9, expected ${version}`));
  });
});

describe("a part", () => {
  const part = evalPart({ index: 1, count: 2 });
  const refusal = (path: Path, value: unknown) => {
    try {
      parseReport(JSON.stringify(withValue(part, path, value)), "x.json");
    } catch (error) {
      if (isPptError(error)) return error.message;
      throw error;
    }
    return "accepted";
  };

  test.each<[Path, unknown, string]>([
    [["pictures", 1, "index"], 0, "pictures[1].index: is 0, as that of another picture"],
    [["pictures", 1, "index"], 7, "pictures[1].index: is 7, expected 0 to 6"],
    [["pictures", 1, "index"], 2, "pictures[1].index: is 2, a picture of shard 2, and this is shard 1"],
    [["pictures", 1, "file"], "./c//0.png", 'pictures[1].file: is "./c//0.png", as that of another picture'],
    [["pictures", 0, "label"], 3, "pictures[0].label: is 3, expected 0 to 2: the model has 3 classes"],
    [["pictures", 0, "predicted"], 99, "pictures[0].predicted: is 99"],
    [["pictures", 0, "rank"], 3, "pictures[0].rank: is 3"],
    [["pictures", 0, "rank"], -1, "pictures[0].rank: is -1, expected a whole number from 0"],
    [["pictures", 0, "rank"], 0, "pictures[0].rank: is 0, which does not fit label 0 and the answer 1"],
    [["pictures", 0, "loss"], -1, "pictures[0].loss: is -1"],
    [["pictures", 0, "unreduced", "predicted"], 9, "pictures[0].unreduced.predicted: is 9"],
    [["pictures", 0, "dtypes"], undefined, "pictures[0].dtypes.q8: is missing: settings.compareDtypes names it"],
    [["pictures", 0, "dtypes", "q8", "score"], undefined, "pictures[0].dtypes.q8.score: is missing"],
    [["pictures", 0, "dtypes", "q8", "score", "rank"], 0, "pictures[0].dtypes.q8.score.rank: is 0, which does not fit"],
    [["pictures", 0, "dtypes", "q8", "same"], false, "pictures[0].dtypes.q8.same: is false, which does not fit"],
    [["pictures", 0, "dtypes", "q8", "cosine"], 1, "pictures[0].dtypes.q8.cosine: is there, where this model has none"],
    [["pictures", 0, "dtypes", "q8", "decisions"], [true, true], "pictures[0].dtypes.q8.decisions: are 2"],
    [["pictures", 0, "dtypes", "q9"], {}, "pictures[0].dtypes"],
    [["settings", "compareDtypes"], undefined, "pictures[0].dtypes.q8: is there, but settings.compareDtypes"],
    [["settings", "compareDtypes"], [], "settings.compareDtypes: is a list of 0"],
    [["settings", "dtype"], "q8", "settings.compareDtypes: is there with a settings.dtype"],
    [["settings", "labelled"], false, "pictures[0].label: is 0, but settings.labelled is false"],
    [["summary", "dtypes", "q8", "answers", "same"], 0, "summary.dtypes.q8.answers.same: is 0, but the pictures give"],
    [["settings", "agreement"], false, "pictures[0].unreduced: is there, but settings.agreement is false"],
    [["settings", "dataset", "pictures"], 10, "pictures: are 4 with failures, expected 6, which is shard 1 of 2"],
    [
      ["settings", "dataset", "pictures"],
      2 ** 53 - 1,
      "settings.dataset.pictures: is 9007199254740991, expected at most 10",
    ],
    [["settings", "reduction"], null, "settings.agreement: is true without a settings.reduction"],
    [["settings", "batch"], 2 ** 53 - 1, "pictures: are 4 with failures, expected 7"],
    [["shard", "index"], 3, "shard.index: is 3, expected 1 to 2"],
    [["tokens"], [17, 17], "tokens[1]: is 17, expected fewer than the 17 before"],
    [["summary", "top1"], 1, "summary.top1: is 1, but the pictures give"],
    [["summary", "pictures"], 5, "summary.pictures: is 5, but the pictures give 4"],
    [["classes", 0, "name"], "<b>", 'classes[0].name: is "<b>", but the pictures give "tench, Tinca tinca"'],
    [["classesWithoutPictures"], ["x"], "classesWithoutPictures: has 1 entry, but the pictures give"],
    [["confusions"], [], "confusions: has 0 entries"],
  ])("with %j = %j is refused", (path, value, message) => {
    expect(refusal(path, value)).toContain(`x.json: ${message}`);
  });

  it("of shards that nobody can count is refused at once", () => {
    const many = { ...evalPart({ index: 1, count: 1 }), shard: { index: 1, count: 1e9 } };
    expect(() => parseReport(JSON.stringify(many), "x.json")).toThrow(invalid("pictures[2].index"));
    expect(() => mergeReports([{ file: "x.json", report: many }])).toThrow(
      invalid("of 1000000000 shards, 2, 3, 4, 5, 6 and 999999994 more are missing"),
    );
  });

  it("of other tokens, costs or classes does not go with the first", () => {
    const other = evalPart({ index: 2, count: 2 });
    const merge = (change: object) =>
      mergeReports([
        { file: "1.json", report: part },
        { file: "2.json", report: { ...other, ...change } },
      ]);
    expect(merge({}).summary.pictures).toBe(7);
    expect(() => merge({ labels: ["a", "b", "c"] })).toThrow(
      invalid("2.json is of another evaluation than 1.json: labels"),
    );
    expect(() => merge({ tokens: [17, 12] })).toThrow(invalid("tokens [17,13] there, [17,12] here"));
    expect(() => merge({ pictures: [{ ...other.pictures[0]!, file: "c/0.png" }] })).toThrow(
      invalid("2.json: pictures[0].file: is there in 1.json, too"),
    );
    const { layers, ...rest } = evalSettings.reduction!;
    expect(merge({ settings: { ...evalSettings, reduction: { ...rest, layers } } }).summary.pictures).toBe(7);
  });

  it.each([1, 2, 3, 5, 9])("of %i holds as many pictures as are counted", (count) => {
    for (const pictures of [1, 6, 7, 8])
      for (let index = 1; index <= count; index++) {
        const samples = Array.from({ length: pictures }, (_, index) => ({ index, file: `${index}`, label: 0 }));
        const counted = batchesOf(samples, 2, { index, count }).flatMap(({ samples }) => samples).length;
        const settings = { ...evalSettings, dataset: { ...evalSettings.dataset, pictures } };
        expect(picturesOf(settings, { index, count })).toBe(counted);
      }
  });
});

describe("a journal", () => {
  const { expected, lines } = journal;
  const path = () => join(folder, "x.journal.jsonl");
  const written = (changed: readonly unknown[]) => `${changed.map((line) => JSON.stringify(line)).join("\n")}\n`;
  const open = () => openJournal(path(), expected, { require() {} });

  test.each<[number, Path, unknown, string]>([
    [0, ["settings"], undefined, "line 1: settings: is missing"],
    [0, ["settings", "model"], null, "line 1: settings.model: is null"],
    [0, ["version"], 2, "line 1: version: is 2"],
    [1, ["batch"], "0", 'line 2: batch: is "0"'],
    [1, ["batch"], -1, "line 2: batch: is -1"],
    [1, ["batch"], 4, "line 2: batch: is 4, which this evaluation does not have"],
    [2, ["batch"], 0, "line 3: batch: is 0, expected more than the 0 of the line before"],
    [1, ["times"], undefined, "line 2: times: is missing"],
    [1, ["times", "modelMs"], -1, "line 2: times.modelMs: is -1"],
    [1, ["times", "dtypesMs"], undefined, "line 2: times.dtypesMs.q8: is missing"],
    [1, ["records", 0, "dtypes"], undefined, "line 2: records[0].dtypes.q8: is missing"],
    [3, ["records", 1, "label"], undefined, "line 4: records[1].label: is nothing, expected 2"],
    [1, ["records", 0], null, "line 2: records[0]: is null"],
    [1, ["records"], [], "line 2: records: are 0, expected 2"],
    [1, ["records", 0, "index"], 1, "line 2: records[0].index: is 1, expected 0"],
    [1, ["records", 0, "file"], "c/1.png", 'line 2: records[0].file: is "c/1.png", expected "c/0.png"'],
    [1, ["records", 0, "label"], 1, "line 2: records[0].label: is 1, expected 0"],
    [1, ["records", 0, "predicted"], 3, "line 2: records[0].predicted: is 3, expected 0 to 2"],
    [1, ["records", 0, "rank"], 0, "line 2: records[0].rank: is 0, which does not fit"],
    [1, ["records", 0, "unreduced"], undefined, "line 2: records[0].unreduced: is missing: settings.agreement is true"],
    [3, ["records", 1, "code"], 5, "line 4: records[1].code: is 5"],
  ])("with line %i, %j = %j is refused and left as it was", (line, at, value, message) => {
    const content = written(lines.map((one, i) => (i === line ? withValue(one, at, value) : one)));
    writeFileSync(path(), content);
    expect(open).toThrow(invalid(`${path()}: ${message}`));
    expect(open).toThrow("choose another --out, or remove the file");
    expect(readText(path(), 1e6)).toBe(content);
  });

  it("with a name twice, a line that is no JSON, or no UTF-8 is refused and left as it was", () => {
    const [first, second, ...rest] = lines.map((line) => JSON.stringify(line));
    for (const [line, message] of [
      [second!.replace('"batch":0', '"batch":1,"batch":0'), 'the name "batch" is there twice'],
      [second!.slice(0, -1), "is not JSON"],
      [`${second!.slice(0, -1)}\u001b`, "is not JSON"],
    ] as const) {
      writeFileSync(path(), [first, line, ...rest, ""].join("\n"));
      expect(open).toThrow(invalid(message));
      expect(open).toThrow(expect.objectContaining({ message: expect.stringMatching(/^[ -~]*$/) }));
    }
    writeFileSync(path(), Buffer.concat([Buffer.from(`${first}\n`), Buffer.of(0xff, 0x0a)]));
    expect(open).toThrow(invalid("line 2: line 1 is not in UTF-8"));
  });

  it("without end is refused after one line", () => {
    function* zeros() {
      for (;;) yield new Uint8Array(2 ** 20);
    }
    expect(() => parseJournal(zeros(), "x", expected)).toThrow(invalid("x: line 1 is longer than"));
    expect(() => openJournal(folder, expected, { require() {} })).toThrow(invalid("is no file"));
  });
});

describe("JSON", () => {
  test.each([
    ['{"a":1,"b":{"c":1,"c":2}}', 'line 1: the name "c" is there twice'],
    ['[{"a":1},\n{"a":1,"\\u0061":2}]', 'line 2: the name "a" is there twice'],
    ["[".repeat(40), "line 1: nested deeper than 32 levels"],
    ["[".repeat(1e6), "nested deeper than 32 levels"],
    [`[${"0,".repeat(5_000_001)}0]`, "holds more than 5000000 values"],
    ['{"a":NaN}', "is not JSON"],
    ['{"a":"\u001b"}', "is not JSON"],
    ['"\\', "is not JSON"],
    ["", "is not JSON"],
  ])("%.40j is refused", (text, message) => {
    expect(() => parseJson(text, "x.json")).toThrow(invalid(`x.json: ${message.startsWith("nested") ? "" : message}`));
    expect(() => parseJson(text, "x.json")).toThrow(
      expect.objectContaining({ message: expect.stringContaining(message) }),
    );
  });

  it("may repeat names in different objects, and as values", () => {
    const value = [{ a: "a", b: { a: ["a", '"', "\\"] } }, { a: "a: {" }];
    expect(parseJson(JSON.stringify(value), "x")).toEqual(value);
  });
});

describe("a text", () => {
  const file = (content: string | Uint8Array) => {
    writeFileSync(join(folder, "x"), content);
    return join(folder, "x");
  };
  it("begins behind its byte order mark", () => {
    expect(readText(file("\ufeff{}"), 100)).toBe("{}");
  });

  it("that is too long, of another coding, or a folder is refused", () => {
    expect(() => readText(file("x".repeat(101)), 100)).toThrow(invalid("101 bytes, at most 100 are read"));
    expect(() => readText("/dev/zero", 100)).toThrow(invalid("more than 100 bytes"));
    expect(() => readText(file(Buffer.from("a\nb\xff\n", "latin1")), 100)).toThrow(invalid("line 2 is not in UTF-8"));
    expect(() => readText(file(Buffer.from("\ufeffid0", "utf16le")), 100)).toThrow(invalid("is a text in UTF-16"));
    expect(() => readReport(folder)).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
  });
});

describe("lists that people write", () => {
  it("of pictures name none twice, under whatever spelling", () => {
    for (const spelling of ["./a/b.png", "a//b.png", "a/./b.png", "x/../a/b.png", ".//a/b.png"]) {
      const csv = `a/b.png,dog\n${spelling},cat\n`;
      expect(() => parseLabelsFile(csv, "x.csv")).toThrow(
        invalid(`x.csv: line 2: "${spelling}" is listed twice, also as "a/b.png"`),
      );
    }
    expect(parseLabelsFile("A.png,dog\na.png,dog\nb/../../a.png,dog", "x.csv")).toHaveLength(3);
    expect(() => parseLabelsFile('{"__proto__":"dog","./__proto__":"dog"}', "x.json")).toThrow(invalid("listed twice"));
    expect(parseLabelsFile('{"__proto__":"dog"}', "x.json")).toEqual([{ file: "__proto__", label: "dog" }]);
  });

  test.each([
    ["x.json", "null", "x.json: is null, expected a list of { file, label }"],
    ["x.json", '"abc"', 'x.json: is "abc", expected a list'],
    ["x.json", "5", "x.json: is 5"],
    ["x.json", "[null]", "x.json: [0]: is null, expected an object"],
    ["x.json", '[{"file":"a","label":"b"},{"file":["a"],"label":"b"}]', "x.json: [1].file: is a list of 1"],
    ["x.json", '{"a":0.5}', 'x.json: "a": label: is 0.5'],
    ["x.json", '{"":0}', 'x.json: "": file: is ""'],
    ["x.json", '{"a\\u0000b":0}', "a path, which holds no NUL"],
    ["x.json", '{"a":1,"a":2}', 'the name "a" is there twice'],
    ["x.csv", `a,${"b".repeat(2000)}`, "x.csv: line 1: label: is"],
    ["x.csv", `file,label\na,b\n"a${"\nb,c".repeat(50_000)}`, "x.csv: "],
    ["x.csv", 'file,label\n"a,b\n', "at line 2"],
  ])("%s %.60j is refused", (name, content, message) => {
    expect(() => parseLabelsFile(content, name)).toThrow(invalid(message));
  });

  test.each([
    ["x.json", "null", "x.json: is null, expected an object of identifiers"],
    ["x.json", '["id0"]', "x.json: is a list of 1, expected an object"],
    ["x.json", "id0 tench", "is not JSON"],
    ["x.txt", '{"a":0,"a":1}', 'the name "a" is there twice'],
    ["x.json", '{"a":-1}', 'x.json: "a": index: is -1'],
    ["x.json", '{"a":0.5}', 'x.json: "a": index: is 0.5'],
    ["x.json", '{"a":3}', '"a": class 3 does not exist: the model has 3'],
    ["x.json", '{"0":["a",5]}', 'x.json: "0": name: is 5'],
    ["x.json", '{"a":"\\u001b[31m"}', '"a": "\\u001b[31m" is not the name'],
    ["x.txt", `${"x".repeat(2000)} tench`, "x.txt: line 1: id: is"],
  ])("%s %.60j explains no identifiers", (name, content, message) => {
    expect(() => parseIdentifiers(content, name, labels)).toThrow(invalid(message));
  });

  it("of identifiers may have one called __proto__", () => {
    const found = parseIdentifiers('{"__proto__":1,"constructor":2}', "x.json", labels);
    expect([...found]).toEqual([
      ["__proto__", 1],
      ["constructor", 2],
    ]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

/** The parts of `ppt-vit eval` that need no model: labels, datasets, journal, scores, shards, reports. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { matchClasses, parseIdentifiers } from "../src/commands/eval/classes.js";
import { fingerprintOf, openDataset } from "../src/commands/eval/dataset.js";
import { openJournal, parseJournal } from "../src/commands/eval/journal.js";
import { parseLabelsFile } from "../src/commands/eval/labels-file.js";
import { mergeReports } from "../src/commands/eval/merge.js";
import { reportPage } from "../src/commands/eval/page.js";
import { reportOf, reportText, runFacts } from "../src/commands/eval/report.js";
import { batchesOf } from "../src/commands/eval/run.js";
import { confusionsOf, scoreOf, summaryOf } from "../src/commands/eval/score.js";
import type {
  BatchEntry,
  EvalReport,
  EvalSettings,
  JournalHeader,
  PictureRecord,
  Sample,
  Shard,
} from "../src/commands/eval/types.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ppt-vit-eval-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const invalid = (message: string) =>
  expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringContaining(message) });

describe("a picture's score", () => {
  it("is its class's place among the logits, and the cross entropy", () => {
    const logits = Float32Array.of(1, 3, 2);
    const sum = Math.exp(1) + Math.exp(3) + Math.exp(2);
    expect(scoreOf(logits, 1)).toMatchObject({ predicted: 1, rank: 0 });
    expect(scoreOf(logits, 0)).toMatchObject({ predicted: 1, rank: 2 });
    expect(scoreOf(logits, 0).loss).toBeCloseTo(-Math.log(Math.exp(1) / sum), 12);
  });

  it("gives ties to the first class, and holds for logits of any size", () => {
    const ties = Float32Array.of(5, 5, 5);
    expect([0, 1, 2].map((label) => scoreOf(ties, label).rank)).toEqual([0, 1, 2]);
    expect(scoreOf(ties, 2)).toMatchObject({ predicted: 0, loss: Math.log(3) });
    expect(scoreOf(Float32Array.of(1e4, -1e4), 1)).toEqual({ predicted: 0, rank: 1, loss: 2e4 });
  });
});

describe("labels", () => {
  const labels = ["tench, Tinca tinca", "crane", "soccer ball", "crane"];

  it.each([
    ["names, however they are written", ["Tench, Tinca tinca", "soccer_ball"], [0, 2]],
    ["one of several names", ["tinca-tinca", "SOCCER  BALL"], [0, 2]],
    ["indices", ["0", "3"], [0, 3]],
    ["indices with leading zeros", ["000", "003"], [0, 3]],
  ])("are %s", (_, names, expected) => {
    expect([...matchClasses(names, labels).values()]).toEqual(expected);
  });

  it("that are numbers themselves are names before they are indices", () => {
    expect([...matchClasses(["1", "0"], ["1", "0"]).values()]).toEqual([0, 1]);
  });

  it.each([
    ["an unknown name", ["tench", "trench"], '1 of 2 labels match no class of the model: "trench"'],
    ["the name of two classes", ["crane"], '"crane": the name of several classes of the model'],
    [
      "an index that is too large",
      ["0", "4"],
      'match no class of the model: "0", "4". The model has 4 classes, 0 to 3',
    ],
    ["WordNet identifiers", ["n01440764"], "with --classes"],
    ["very many", Array.from({ length: 9 }, (_, i) => `x${i}`), '"x4" and 4 more'],
  ])("refuse %s", (_, names, message) => {
    expect(() => matchClasses(names, labels)).toThrow(invalid(message));
  });

  it.each([
    ["lines in the model's order", "n1 tench, Tinca tinca\nn2 crane\nn3 soccer ball\nn4 crane\n"],
    ["indices", '{"n1": 0, "n2": 1, "n3": 2, "n4": 3}'],
    ["Keras's list", '{"0": ["n1", "tench"], "1": ["n2", "crane"], "2": ["n3", "soccer_ball"], "3": ["n4", "crane"]}'],
  ])("are explained by a file of %s", (_, content) => {
    const identifiers = parseIdentifiers(content, "classes", labels);
    expect([...matchClasses(["n4", "n1", "n2"], labels, identifiers)]).toEqual([
      ["n4", 3],
      ["n1", 0],
      ["n2", 1],
    ]);
  });

  it("are found by name in a file of other classes, too", () => {
    const identifiers = parseIdentifiers("n9 soccer ball\nn1 tench\n", "classes", labels);
    expect([...identifiers]).toEqual([
      ["n9", 2],
      ["n1", 0],
    ]);
    expect(() => matchClasses(["n9", "n2"], labels, identifiers)).toThrow(
      invalid('"n2": not in the classes file, which has 2 identifiers'),
    );
  });

  it.each([
    ["n1 tench\nn1 crane", "is listed twice"],
    ["n1 crane", '"crane" is not the name of one class'],
    ["n1", "has no name and no index"],
    // As many lines as classes, in another order: neither the place nor the name is right.
    ["n1 soccer ball\nn2 crane\nn3 tench\nn4 crane\nn5 crane", '"crane" is not the name of one class'],
    ['{"n1": 4}', "class 4 does not exist: the model has 4, from 0"],
    ['{"3": ["n1", "tench"]}', '"tench" is not the name of one class of the model, or of another than its place says'],
    ['{"n1": null}', "expected an index, a name, or an identifier and a name"],
    ['{"n1": ', "JSON"],
  ])("are not explained by %s", (content, message) => {
    expect(() => parseIdentifiers(content, "classes", labels)).toThrow(invalid(message));
  });
});

describe("a labels file", () => {
  const rows = [
    { file: "a.png", label: "dog" },
    { file: "b, c.png", label: "1" },
  ];
  it.each([
    ["x.csv", 'a.png,dog\n"b, c.png",1\n'],
    ["x.csv", '\ufefflabel,size,File\r\ndog,3,a.png\r\n1,4,"b, c.png"\r\n\r\n'],
    ["x.TSV", "file\tlabel\na.png\tdog\nb, c.png\t1"],
    ["x.json", '[{"file":"a.png","label":"dog"},{"file":"b, c.png","label":1}]'],
    ["x.json", '{"a.png":"dog","b, c.png":1}'],
  ])("%s: %j", (name, content) => {
    expect(parseLabelsFile(content, name)).toEqual(rows);
  });

  it.each([
    ["x.csv", "a.png", 'x.csv: line 1: is "a.png": expected a file and a label'],
    ["x.csv", "a.png,dog,brown", "name the columns file and label in the first line"],
    ["x.csv", "file,label\na.png,", "expected a file and a label"],
    ["x.csv", 'a.png,"dog', "x.csv: "],
    ["x.csv", "a.png,dog\na.png,cat", '"a.png" is listed twice'],
    ["x.json", "[3]", "x.json: [0]: is 3, expected an object"],
    ["x.json", '[{"file":"a.png"}]', "x.json: [0].label: is missing"],
    ["x.json", '{"a.png":null}', 'x.json: "a.png": label: is null, expected a name'],
    ["x.json", "{", "x.json: "],
  ])("%s is refused: %j", (name, content, message) => {
    expect(() => parseLabelsFile(content, name)).toThrow(invalid(message));
  });
});

/** Files by path; pictures are never opened here. */
function make(...files: string[]): void {
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), file);
  }
}

describe("a dataset", () => {
  const labels = ["cat", "dog", "fish"];
  const open = (options: { limit?: number; classes?: string } = {}) => openDataset(folder, { labels, ...options });

  it("is a folder of folders, in an order of its own", async () => {
    make("dog/b.png", "dog/B.jpg", "dog/deep/a.webp", "cat/10.png", "cat/9.png", "cat/.hidden.png", "cat/notes.txt");
    make("stray.png", ".git/x.png");
    mkdirSync(join(folder, "fish"));
    symlinkSync(join(folder, "cat/9.png"), join(folder, "dog/link.png"));
    symlinkSync(join(folder, "missing.png"), join(folder, "dog/zz.png"));
    symlinkSync(folder, join(folder, "dog/circle"));
    const { samples, notes } = await open();
    expect(samples.map(({ index, file, label }) => `${index} ${file} ${label}`)).toEqual([
      "0 cat/10.png 0",
      "1 cat/9.png 0",
      "2 dog/B.jpg 1",
      "3 dog/b.png 1",
      "4 dog/deep/a.webp 1",
      "5 dog/link.png 1",
      "6 dog/zz.png 1",
    ]);
    expect(notes).toEqual(["1 pictures that lie in no class's folder are left out", "folders without pictures: fish"]);
  });

  it("takes a limit from all of its classes", async () => {
    make(...["cat", "dog"].flatMap((label) => Array.from({ length: 10 }, (_, i) => `${label}/${i}.png`)));
    const files = async (limit: number) => (await open({ limit })).samples.map(({ file }) => file);
    expect(await files(4)).toEqual(["cat/0.png", "cat/5.png", "dog/0.png", "dog/5.png"]);
    expect(await files(1000)).toHaveLength(20);
    expect((await open({ limit: 4 })).samples.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  });

  it("is a labels file with paths beside it", async () => {
    make("below/a.png");
    writeFileSync(join(folder, "x.csv"), "below/a.png,dog\ngone.png,fish");
    const { root, samples } = await openDataset(join(folder, "x.csv"), { labels });
    expect(root).toBe(folder);
    expect(samples).toEqual([
      { index: 0, file: "below/a.png", label: 1 },
      { index: 1, file: "gone.png", label: 2 },
    ]);
  });

  it("has another fingerprint once a name, a class or a size is another", async () => {
    make("cat/a.png", "dog/b.png");
    const dataset = await open();
    const fingerprint = await fingerprintOf(dataset);
    expect(await fingerprintOf(await open())).toBe(fingerprint);
    const [first, second] = dataset.samples;
    expect(await fingerprintOf({ root: folder, samples: [first!, { ...second!, label: 2 }] })).not.toBe(fingerprint);
    expect(await fingerprintOf({ root: folder, samples: [second!, first!] })).not.toBe(fingerprint);
    truncateSync(join(folder, "dog/b.png"), 1);
    expect(await fingerprintOf(dataset)).not.toBe(fingerprint);
    rmSync(join(folder, "dog/b.png"));
    expect(await fingerprintOf(dataset)).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ["an empty folder", [], "an empty dataset: expected a folder of pictures for each class"],
    ["empty classes", ["cat/notes.txt"], "no pictures (.jpg"],
    ["pictures without classes", ["a.png", "b.png"], "2 pictures, but no folders: put the pictures of each class"],
    ["folders that are no classes", ["train/cat/a.png"], '1 of 1 labels match no class of the model: "train"'],
  ])("refuses %s", async (_, files, message) => {
    make(...files);
    await expect(open()).rejects.toThrow(invalid(message));
  });

  it("says what is missing", async () => {
    await expect(openDataset(join(folder, "none"), { labels })).rejects.toMatchObject({ code: "NOT_FOUND" });
    make("a.txt", "cat/a.png");
    await expect(openDataset(join(folder, "a.txt"), { labels })).rejects.toThrow(
      invalid("neither a folder nor a labels file"),
    );
    await expect(open({ classes: join(folder, "none.txt") })).rejects.toMatchObject({ code: "NOT_FOUND" });
    writeFileSync(join(folder, "x.csv"), "");
    await expect(openDataset(join(folder, "x.csv"), { labels })).rejects.toThrow(invalid("lists no pictures"));
  });
});

const fingerprint = (digit: string) => digit.repeat(64);
const settings: EvalSettings = {
  model: { name: "./here", fingerprint: fingerprint("f") },
  backend: "cpu",
  reduction: { layers: [3], tokensRemoved: 50, threshold: "pool" },
  agreement: true,
  batch: 4,
  dataset: { path: "./data", pictures: 10, fingerprint: fingerprint("d") },
  limit: null,
  decoding: { firstFrame: false, maxPixels: null },
};
const samples = Array.from({ length: 10 }, (_, index): Sample => ({ index, file: `${index}.png`, label: index % 3 }));
/** Losses whose sum depends on its order in the last bits. */
const recordOf = (sample: Sample): PictureRecord =>
  sample.index === 7
    ? { ...sample, code: "INVALID_IMAGE", message: "7.png: <broken>" }
    : {
        ...sample,
        predicted: sample.index % 2,
        rank: sample.index % 2 === sample.label ? 0 : 1,
        loss: 0.1 + 1 / (sample.index + 3),
        unreduced: { predicted: 0, rank: sample.label, loss: 1 / 3 },
      };
const entryOf = ({ number, samples }: ReturnType<typeof batchesOf>[number]): BatchEntry => ({
  batch: number,
  records: samples.map(recordOf),
  times: { waitingMs: 1, modelMs: 10, unreducedMs: 15, totalMs: 30 },
});
const times = (entries: readonly BatchEntry[]) => entries.map((entry) => entry.times);
const frame = {
  shard: null,
  settings,
  tokens: [17, 9],
  gmacs: { unreduced: 2, reduced: 1 },
  labels: ["a", "b", "<c>", "d"],
};
const reportFor = (shard: Shard | null): EvalReport => {
  const entries = batchesOf(samples, settings.batch, shard).map(entryOf);
  const records = entries.flatMap((entry) => entry.records);
  return { ...reportOf({ ...frame, shard }, records), run: runFacts(times(entries), records.length) };
};

describe("shards", () => {
  it.each([1, 2, 3, 7])("of %i parts hold every picture once, in the batches of the whole", (count) => {
    const whole = batchesOf(samples, 3, null);
    const parts = Array.from({ length: count }, (_, i) => batchesOf(samples, 3, { index: i + 1, count }));
    expect(parts.flat().sort((a, b) => a.number - b.number)).toEqual(whole);
  });

  it.each([1, 2, 3, 5])("of %i parts merge to what one run gives", (count) => {
    const parts = Array.from({ length: count }, (_, i) => ({
      file: `${i}`,
      report: reportFor({ index: i + 1, count }),
    }));
    const { run, ...merged } = mergeReports(parts.reverse());
    const { run: single, ...whole } = reportFor(null);
    expect(JSON.stringify(merged)).toBe(JSON.stringify(whole));
    expect(run.seconds.total).toBeCloseTo(single.seconds.total, 9);
    expect(run.waitingShare).toBeCloseTo(1 / 30, 9);
  });

  it("are refused where one is missing, there twice, of another evaluation, or the whole", () => {
    const part = (index: number, count: number) => ({ file: `${index}.json`, report: reportFor({ index, count }) });
    const other = part(2, 2);
    const refused: [Parameters<typeof mergeReports>[0], string][] = [
      [[], "no results are given"],
      [[part(1, 3), part(3, 3)], "of 3 shards, 2 are missing"],
      [[part(1, 2), { ...part(1, 2), file: "again.json" }], "1.json and again.json are both shard 1 of 2"],
      [[part(1, 2), part(2, 3)], "shards 2 there, 3 here"],
      [[{ file: "all.json", report: reportFor(null) }], "all.json: a whole dataset, not a shard"],
      [[part(1, 2), { file: "all.json", report: reportFor(null) }], "shards 2 there, none here"],
      [
        [part(1, 2), { ...other, report: { ...other.report, settings: { ...settings, batch: 8 } } }],
        "2.json is of another evaluation than 1.json: batch 4 there, 8 here",
      ],
    ];
    for (const [parts, message] of refused) expect(() => mergeReports(parts)).toThrow(invalid(message));
  });
});

describe("the journal", () => {
  const header: JournalHeader = { journal: "ppt-vit eval", version: 1, settings, shard: null };
  const batches = batchesOf(samples, settings.batch, null);
  const expected = { header, batches, classes: 4 };
  const entries = batches.map(entryOf);
  const lock = { require() {} };
  const open = (made: JournalHeader = header) => openJournal(path(), { ...expected, header: made }, lock);
  const path = () => join(folder, "x.journal.jsonl");

  /** Writes what is missing, as an evaluation does. */
  function finish(): readonly BatchEntry[] {
    const journal = open();
    const missing = entries.slice(journal.done.length);
    expect(journal.done).toEqual(entries.slice(0, journal.done.length));
    for (const entry of missing) journal.append(entry);
    journal.close();
    return [...journal.done, ...missing];
  }

  it("goes on from wherever it was cut off", () => {
    expect(finish()).toEqual(entries);
    const whole = readFileSync(path());
    const ends = [...whole.keys()].filter((at) => whole[at] === 0x0a).map((at) => at + 1);
    expect(ends).toHaveLength(entries.length + 1);
    for (let length = 0; length <= whole.length; length++) {
      const lines = ends.filter((end) => end <= length);
      const { done, bytes } = parseJournal([whole.subarray(0, length)], "x", expected);
      expect([done.length, bytes]).toEqual([Math.max(0, lines.length - 1), lines.at(-1) ?? 0]);
    }
    for (const length of [0, 1, ...ends.flatMap((end) => [end - 1, end, end + 40])]) {
      writeFileSync(path(), whole.subarray(0, length));
      expect(finish()).toEqual(entries);
      expect(readFileSync(path()).equals(whole)).toBe(true);
    }
  });

  it("may have been made where things are called otherwise, not for other settings", () => {
    finish();
    const elsewhere = {
      ...header,
      settings: {
        ...settings,
        model: { name: "/other", fingerprint: fingerprint("f") },
        dataset: { ...settings.dataset, path: "/d" },
      },
    };
    const journal = open(elsewhere);
    expect(journal.done).toHaveLength(entries.length);
    journal.close();
    const model = { name: "./there", fingerprint: fingerprint("b") };
    expect(() => open({ ...header, settings: { ...settings, model, backend: "onnx-cpu" } })).toThrow(
      expect.objectContaining({
        code: "INVALID_OPTION",
        message: expect.stringMatching(
          /made for other settings \(model .\/here, dataset .\/data; now .\/there, .\/data\): model "f{64}" there, "b{64}" here; backend "cpu" there, "onnx-cpu" here\. Choose another --out, or remove the file$/,
        ),
      }),
    );
    expect(() => open({ ...header, shard: { index: 1, count: 2 } })).toThrow("shard null there");
  });

  it.each([
    ["another file", "not JSON\n"],
    ["another file of one line", "not JSON"],
    ["another file of JSON", '{"name":"x"}\n'],
    ["null", "null\n"],
  ])("is not taken for one: %s", (_, content) => {
    writeFileSync(path(), content);
    expect(open).toThrow(invalid("is not of a journal of ppt-vit eval"));
    // What is somebody else's is left alone.
    expect(readFileSync(path(), "utf8")).toBe(content);
  });

  it("says where it cannot be written", () => {
    expect(() => openJournal(join(folder, "none/x"), expected, lock)).toThrow(
      expect.objectContaining({ code: "WRITE_FAILED" }),
    );
  });

  it("of nothing holds nothing", () => {
    expect(parseJournal([], "x", expected)).toEqual({ started: false, done: [], bytes: 0 });
  });
});

describe("a result", () => {
  const report = reportFor(null);

  it("counts failures, and averages what is left", () => {
    const records = samples.map(recordOf);
    const scored = records.filter((record) => "loss" in record);
    expect(report.summary).toMatchObject({ pictures: 10, failed: 1 });
    expect(report.summary.top1).toBe(scored.filter(({ rank }) => rank === 0).length / 9);
    expect(report.summary.loss).toBe(scored.reduce((sum, { loss }) => sum + loss, 0) / 9);
    expect(report.summary.unreduced).toMatchObject({ top5: 1 });
    const same = scored.filter(({ predicted }) => predicted === 0).length;
    expect(report.summary.agreement).toMatchObject({ same, share: same / 9 });
    expect(report.classes.map(({ name, pictures }) => [name, pictures])).toEqual([
      ["a", 4],
      ["b", 3],
      ["<c>", 3],
    ]);
    expect(report.classesWithoutPictures).toEqual(["d"]);
    const wrong = confusionsOf(records).reduce((sum, { pictures }) => sum + pictures, 0);
    expect(wrong).toBe(scored.filter(({ rank }) => rank > 0).length);
    expect(report.confusions[0]!.pictures).toBeGreaterThanOrEqual(report.confusions.at(-1)!.pictures);
  });

  it("of no pictures has no averages", () => {
    expect(summaryOf([])).toEqual({ pictures: 0, failed: 0, top1: null, top5: null, loss: null });
    const empty = { ...reportOf(frame, []), run: runFacts([], 0) };
    expect(reportText(empty)).toMatch(/top-1 +-\n/);
    expect(reportPage(empty)).toContain("could not be used: 0");
  });

  it("is read by people", () => {
    const text = reportText(report);
    expect(text).toContain("10 pictures of 3 classes, model ./here on cpu, tokens 17 -> 9");
    expect(text).toMatch(/GMACs +1\.000 +2\.000/);
    // 10 ms a batch of 4, and 15 for the unreduced model.
    expect(text).toMatch(/pictures\/s in the model +333\.3 +222\.2/);
    expect(text).toContain("1 of the model's 4 classes have no pictures");
    expect(text).toContain("1 pictures could not be used");
    expect(text).toContain("waiting for decoding 3.33 % of the time");
  });

  it("as a page stands alone and shows names as text", () => {
    const page = reportPage(report);
    expect(page).not.toMatch(/<script|<link|src=|url\(/);
    expect(page).toContain("2 &lt;c&gt;");
    expect(page).toContain("7.png: &lt;broken&gt; [INVALID_IMAGE]");
  });
});

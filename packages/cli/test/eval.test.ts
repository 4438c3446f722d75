/** Tests the results of `ppt-vit eval`: scores, shards and the journal. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openJournal, parseJournal } from "../src/commands/eval/journal.js";
import { mergeReports, parseReport } from "../src/commands/eval/merge.js";
import { reportPage } from "../src/commands/eval/page.js";
import { mcNemar, reductionSummaries } from "../src/commands/eval/reductions.js";
import { reportOf, reportText, runFacts } from "../src/commands/eval/report.js";
import { type Batch, batchesOf } from "../src/commands/eval/run.js";
import { confusionsOf, scoreOf, summaryOf } from "../src/commands/eval/score.js";
import type { BatchEntry, EvalReport, JournalHeader, PictureRecord, Shard } from "../src/commands/eval/types.js";
import { reductionList } from "../src/flags/reduction-list.js";
import { fingerprint, frame, settings } from "./eval-frame.js";
import { folder, invalid } from "./input.js";

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

const samples = Array.from({ length: 10 }, (_, index) => ({ index, file: `${index}.png`, label: index % 3 }));
type Labelled = (typeof samples)[number];
/** Losses whose sum depends on the order of adding, in its last bits. */
const recordOf = (sample: Labelled): PictureRecord =>
  sample.index === 7
    ? { ...sample, code: "INVALID_IMAGE", message: "7.png: <broken>" }
    : {
        ...sample,
        predicted: sample.index % 2,
        rank: sample.index % 2 === sample.label ? 0 : 1,
        loss: 0.1 + 1 / (sample.index + 3),
        unreduced: { predicted: 0, rank: sample.label, loss: 1 / 3 },
      };
const entryOf = ({ number, samples }: Batch<Labelled>): BatchEntry => ({
  batch: number,
  records: samples.map(recordOf),
  times: { waitingMs: 1, modelMs: 10, unreducedMs: 15, totalMs: 30 },
});
const times = (entries: readonly BatchEntry[]) => entries.map((entry) => entry.times);
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
  const expected = { header, batches, classes: 4, stages: 1 };
  const entries = batches.map(entryOf);
  const lock = { require() {} };
  const open = (made: JournalHeader = header) => openJournal(path(), { ...expected, header: made }, lock);
  const path = () => join(folder, "x.journal.jsonl");

  /** Writes the missing records, as an evaluation does. */
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
    // Files of other programs are left alone.
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
    // A batch of 4 takes 10 ms, and 15 ms in the unreduced model.
    expect(text).toMatch(/pictures\/s in the model +333\.3 +222\.2/);
    expect(text).toContain("without pictures: 1 of the model's 4 classes");
    expect(text).toContain("1 picture could not be used");
    expect(text).toContain("waiting for decoding 3.33 % of the time");
  });

  it("as a page stands alone and shows names as text", () => {
    const page = reportPage(report);
    expect(page).not.toMatch(/<script|<link|src=|url\(/);
    expect(page).toContain("2 &lt;c&gt;");
    expect(page).toContain("7.png: &lt;broken&gt; [INVALID_IMAGE]");
  });
});

describe("several settings", () => {
  it("are named in a list, and a file whose own name has commas is one of them", () => {
    expect(reductionList(" a.json, deit-small-paper ,")).toEqual(["a.json", "deit-small-paper"]);
    const odd = join(folder, "a,b.json");
    writeFileSync(odd, "{}");
    expect(reductionList(odd)).toEqual([odd]);
    expect(() => reductionList("a.json,a.json")).toThrow("'a.json' is there twice");
    expect(() => reductionList(" , ")).toThrow("expected one or more");
  });

  it("are told apart by the exact test of McNemar", () => {
    expect(mcNemar(0, 0)).toBe(1);
    expect(mcNemar(3, 3)).toBe(1);
    // 2 (C(10, 0) + C(10, 1)) / 2^10
    expect(mcNemar(1, 9)).toBeCloseTo(22 / 1024, 12);
    expect(mcNemar(9, 1)).toBeCloseTo(22 / 1024, 12);
    expect(mcNemar(0, 5000)).toBe(0);
    expect(mcNemar(2400, 2600)).toBeCloseTo(0.00487, 4);
  });

  it("are refused where their answers are not those of the settings", () => {
    const reduction = { layers: [0], tokensRemoved: 4, threshold: "pool" } as const;
    const reductions = [
      { name: "a.json", reduction: settings.reduction! },
      { name: "b.json", reduction },
    ];
    const other = { predicted: 0, rank: 0, loss: 1 };
    const two = { ...settings, reductions };
    const withOthers = (record: PictureRecord): PictureRecord =>
      "rank" in record ? { ...record, reductions: [{ ...other, rank: record.label === 0 ? 0 : 1 }] } : record;
    const records = samples.map(recordOf).map(withOthers);
    const gmacs = { ...frame.gmacs, reductions: [1.5] };
    const run = reportFor(null).run;
    const report = { ...reportOf({ ...frame, settings: two, gmacs }, records), run };
    const text = JSON.stringify(report);
    const reading = (from: string, to: string) => {
      expect(text).toContain(from);
      return () => parseReport(text.replace(from, to), "x.json");
    };
    expect(parseReport(text, "x.json").summary.reductions).toMatchObject([
      { name: "b.json", besideFirst: { same: 5 } },
    ]);
    expect(reportText(report)).toContain("b.json beside a.json: 5 same answers");
    const [first] = report.pictures;
    const others = JSON.stringify((first as { reductions?: unknown }).reductions);
    expect(reading(`,"reductions":${others}`, "")).toThrow("pictures[0].reductions: are 0, expected 1");
    expect(reading('"reductions":[1.5]', '"reductions":[]')).toThrow("gmacs.reductions: are 0, expected those");
    expect(reading('"name":"b.json","reduction"', '"name":"a.json","reduction"')).toThrow("as an earlier one");
    expect(reading('"besideFirst":{"same":5', '"besideFirst":{"same":6')).toThrow("besideFirst.same: is 6");
    expect(reading('"name":"a.json","reduction":{"layers":[3]', '"name":"a.json","reduction":{"layers":[2]')).toThrow(
      "settings.reductions[0].reduction",
    );
    expect(reductionSummaries([], { reductions })![0]!.top1).toBeNull();
  });
});

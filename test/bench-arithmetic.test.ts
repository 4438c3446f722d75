/** Tests what the benchmark page computes itself: settings in its address, groups of patches, results to share, names of machines. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { policyNames } from "@ppt-vit/core";
import { describe, expect, test } from "vitest";
import { wordsOf } from "../apps/bench/src/bench/card.js";
import type { Cell } from "../apps/bench/src/bench/cells.js";
import { format, markdownOf, parseReport, type Report } from "../apps/bench/src/bench/report.js";
import { tokensKept } from "../apps/bench/src/controls/reduction.js";
import { fromUserAgent, shortRenderer } from "../apps/bench/src/machine.js";
import { pairedEstimate } from "../apps/bench/src/paired.js";
import { defaultSettings, formatSettings, parseSettings, policies, reductionOf } from "../apps/bench/src/settings.js";
import { countsOf, mapAfter } from "../apps/bench/src/tokens/drawing.js";
import { median } from "../packages/pipeline/src/public.js";
import { root } from "../scripts/workspace.mjs";

const submitted = join(root, "benchmarks/submitted");

const estimate = { ratio: 1.5, low: 1.45, high: 1.55, pairs: 10, verdict: "faster" } as const;
const times = { loadMs: 9, firstRunMs: 70, p90Ms: 80, label: "dog" };
const cells = [
  { ...times, ...{ backend: "wasm", policy: "unreduced", dtype: "fp32", batch: 4, tokens: [197], gmacs: 1.25 } },
  { ...times, ...{ backend: "wasm", policy: "ppt", dtype: "q8", batch: 4, tokens: [197, 147, 97, 49], gmacs: 0.8 } },
].map((cell, i) => ({
  ...(cell as Pick<Cell, "backend" | "policy" | "dtype" | "batch" | "tokens" | "gmacs"> & typeof times),
  ...[
    { latenciesMs: [75], medianMs: 75, imagesPerSecond: 1000 / 75, speedup: 1 },
    { latenciesMs: [50], medianMs: 50, imagesPerSecond: 20, speedup: 1.5, estimate, agreement: { same: 7, of: 8 } },
  ][i]!,
}));
const report: Report = {
  format,
  date: "2026-11-29T12:00:00.000Z",
  address: "https://example.org/",
  model: "Demo",
  machine: { browser: "Firefox 140.0", system: "Linux", cores: 2, threads: true },
  versions: {},
  settings: { ...defaultSettings, batches: [4] },
  pictures: ["dog"],
  failures: [],
  unfinished: [],
  hiddenRuns: 0,
  cells,
};

describe("the app's own arithmetic", () => {
  test("settings survive the address, and what is wrong in it is named", () => {
    const settings = {
      ...defaultSettings,
      hub: "facebook/deit-small-patch16-224",
      policy: "pool" as const,
      layers: [2, 5],
      tokensRemoved: 20,
      threshold: 7e-5,
      backends: ["cpu"],
      runs: 3,
      tab: "learn",
      picture: "cat",
    };
    expect(formatSettings(settings)).toBe(
      "?tab=learn&picture=cat&model=facebook/deit-small-patch16-224&policy=pool&layers=2,5&removed=20&threshold=0.00007&backends=cpu&runs=3",
    );
    expect(parseSettings(formatSettings(settings))).toEqual({ settings, problems: [] });
    expect(formatSettings(defaultSettings)).toBe("");
    const { settings: fallen, problems } = parseSettings(
      "?runs=0&policy=magic&preset=none&layers=5,2&threshold=-1&batch=4,2&dtypes=fp8&model=deit",
    );
    expect(fallen).toEqual({ ...defaultSettings, batches: [2, 4] });
    expect(problems.map((problem) => problem.split(" ")[0])).toEqual([
      "model",
      "policy",
      "preset",
      "layers",
      "threshold",
      "dtypes",
      "runs",
    ]);
  });

  test("a policy becomes a reduction; what is not set is left to the model", () => {
    expect(reductionOf("unreduced", defaultSettings)).toBe(false);
    expect(reductionOf("ppt", defaultSettings)).toEqual({});
    // A preset takes the place of the settings, and gives its schedule to every policy.
    const strong = { ...defaultSettings, preset: "strong", layers: [3] };
    expect(reductionOf("ppt", strong)).toEqual({ tokensRemoved: { share: 0.5 } });
    expect(reductionOf("unreduced", strong)).toBe(false);
    expect(reductionOf("tome", strong)).toEqual({ policy: "tome", tokensRemoved: { share: 0.5 } });
    expect(reductionOf("prune", { ...strong, preset: "searched" })).toEqual({
      layers: [2, 6],
      tokensRemoved: [111, 33],
      threshold: "prune",
    });
    expect(reductionOf("prune", { ...defaultSettings, layers: [3], threshold: 1 })).toEqual({
      layers: [3],
      threshold: "prune",
    });
    // Every registered policy can be chosen.
    expect(policies).toEqual(["unreduced", "ppt", "prune", "pool", ...policyNames.filter((name) => name !== "ppt")]);
    expect(reductionOf("tome", { ...defaultSettings, layers: [3], threshold: 1 })).toEqual({
      policy: "tome",
      layers: [3],
    });
  });

  test("tokens are counted as they are drawn", () => {
    // 2 x 3 patches after a class token: 0, 1 and 4 share a token, and 5 was pruned.
    const tokenOfPatch = Int32Array.of(1, 1, 2, 3, 1, -1);
    expect(countsOf(tokenOfPatch)).toEqual({ pruned: 1, merged: 1, mergedPatches: 3, alone: 2 });
    const stage = { layer: 3, tokensIn: 7, tokensOut: 4, policy: "pool", variance: 0, tokenOfPatch } as const;
    const image = { width: 6, height: 4, data: new Uint8Array(72) };
    const traced = { image, file: new Blob(), href: "", patches: [2, 3], stages: [stage] } as const;
    expect(mapAfter(traced, 1)).toBe(tokenOfPatch);
    expect([...mapAfter(traced, 0)]).toEqual([1, 2, 3, 4, 5, 6]);
    // DeiT at 224 pixels: the paper's schedule removes half of the last 96 patches at most.
    expect(tokensKept(197, 3, 50)).toBe(49);
    expect(tokensKept(197, 3, 0)).toBe(197);
  });

  test("a speed has an interval, and none is told where it is too wide", () => {
    expect(pairedEstimate([1, 1, 1, 1, 1], [1, 1, 1, 1, 1])).toBeUndefined();
    // Of six pairs, the interval of 95 % is from the least to the greatest: outside of it lies 2 / 2^6 = 3.1 %.
    const ratios = [1.4, 1.5, 1.45, 1.42, 1.48, 1.44];
    expect(pairedEstimate(ratios, Array(6).fill(1))).toEqual({
      ratio: expect.closeTo(1.445, 9),
      low: 1.4,
      high: 1.5,
      pairs: 6,
      verdict: "faster",
    });
    // Of fifteen, the fourth from both ends: P(Binomial(15, 1/2) < 4) = 1.8 %, and < 5 it would be 5.9 %.
    const many = Array.from({ length: 15 }, (_, i) => 1.3 + i / 100);
    expect(pairedEstimate(many, Array(15).fill(1))).toMatchObject({
      low: expect.closeTo(1.33, 9),
      high: expect.closeTo(1.41, 9),
    });
    const verdictOf = (values: number[]) => pairedEstimate(values, Array(values.length).fill(1))!.verdict;
    expect(verdictOf([0.8, 0.81, 0.82, 0.8, 0.8, 0.83])).toBe("slower");
    expect(verdictOf([0.97, 1.02, 1, 1.01, 0.99, 1.03])).toBe("same");
    expect(verdictOf([1.2, 2.9, 1.4, 1.9, 1.3, 1.5])).toBe("noisy");
    expect(verdictOf(Array(1000).fill(1.2))).toBe("faster");
  });

  test("a result is read as it was written, of the first format, too, and what is none is refused", () => {
    const cell = { ...cells[0]!, batch: undefined };
    const old = { ...report, settings: { batch: 4 }, cells: [cell] };
    expect(parseReport(JSON.stringify(old)).cells[0]!.batch).toBe(4);
    expect(parseReport(JSON.stringify(report)).cells).toEqual(cells);
    expect(() => parseReport(JSON.stringify({ ...report, cells: [{ ...cell, medianMs: -1 }] }))).toThrow(/its cells/);
    expect(() => parseReport("{}")).toThrow(/its format is undefined/);
    const table = markdownOf(report, (name) => name.toUpperCase());
    expect(table).toContain("| WASM | PPT | q8 | 4 | 20.0 | 1.50× | 1.45 to 1.55 | 50.0 | 0.80 | 7 of 8 | – |");
  });

  test("a picture card tells of the fastest reduced model, and of no speed where runs scatter", () => {
    const wordsWith = (verdict: "faster" | "noisy") =>
      wordsOf(
        { model: "Demo", cells: [cells[0]!, { ...cells[1]!, estimate: { ...estimate, verdict } }] },
        () => "ours",
      );
    expect(wordsWith("faster")).toEqual({
      headline: "49 of 197 tokens, 1.5× as fast on this machine",
      details: [
        "PPT, q8 on ours: 20.0 images/s",
        "Same answer for 7 of 8 pictures",
        "95 % interval 1.45 to 1.55, 10 pairs of runs that took turns",
        "Demo",
      ],
    });
    expect(wordsWith("noisy").headline).toBe("49 of 197 tokens, too noisy here to tell its speed");
    expect(() => wordsOf({ model: "Demo", cells: [] }, () => "ours")).toThrow(/run the benchmark/);
  });

  test("submitted results are those of the app", () => {
    const names = readdirSync(submitted).filter((name) => name !== "README.md");
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      expect(name).toMatch(/^[a-z0-9-]+\.json$/);
      const text = readFileSync(join(submitted, name), "utf8");
      expect(text.length, name).toBeLessThan(40_000);
      const { cells, versions } = parseReport(text);
      expect(cells.length, name).toBeGreaterThan(0);
      expect(versions, name).toHaveProperty("@ppt-vit/pipeline");
      // Its figures are those of its runs.
      for (const { latenciesMs, medianMs, imagesPerSecond } of cells) {
        expect(median(latenciesMs!), name).toBeCloseTo(medianMs, 6);
        expect(1000 / medianMs, name).toBeCloseTo(imagesPerSecond, 6);
      }
    }
  });

  test("machines have short names", () => {
    expect(shortRenderer("ANGLE (Intel, Mesa Intel(R) UHD 620 (KBL GT2), OpenGL 4.6)")).toBe(
      "Mesa Intel(R) UHD 620 (KBL GT2)",
    );
    expect(fromUserAgent("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")).toEqual({
      browser: "Firefox 140.0",
      system: "X11, Linux x86_64",
    });
  });
});

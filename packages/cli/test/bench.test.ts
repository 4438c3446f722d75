/** Tests statistics, comparisons and the report of measured times. The measuring itself is tested in a real process. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { modelCost } from "@ppt-vit/core";
import { median, quantile } from "@ppt-vit/pipeline";
import { describe, expect, it } from "vitest";
import { accuracyOf, floatsOf } from "../src/commands/bench/accuracy.js";
import { compareDocuments } from "../src/commands/bench/compare.js";
import { contenderNames, requireContender } from "../src/commands/bench/contenders/index.js";
import { readRecorded } from "../src/commands/bench/documents.js";
import { geometryConfig, geometryNames } from "../src/commands/bench/geometries.js";
import { markdownTable, replaceTables, tableMarkers } from "../src/commands/bench/markdown-table.js";
import { type ReductionName, reductionFor, reductionNames } from "../src/commands/bench/reductions.js";
import { renderReport } from "../src/commands/bench/report.js";
import type { BenchDocument, CellResult } from "../src/commands/bench/schema.js";
import { ratioOfTurns, spread } from "../src/commands/bench/statistics.js";
import { resultTable } from "../src/commands/bench/table.js";

function cell(policy: CellResult["policy"], turnMs: number[], backend = "onnx-cpu"): CellResult {
  const medianMs = median(turnMs);
  return {
    backend,
    model: "deit-s",
    policy,
    batch: 8,
    gmacs: policy === "unreduced" ? 4.6 : 2.9,
    loadMs: 100,
    firstRunMs: 50,
    turnMs,
    medianMs,
    p90Ms: quantile(turnMs, 0.9),
    imagesPerSecond: 8000 / medianMs,
    speedup: 1.5,
    ratios: [],
    effectiveGflops: 300,
    peakMemoryBytes: 5e8,
  };
}

const documentOf = (...results: CellResult[]): BenchDocument => ({
  format: "ppt-vit bench",
  version: 2,
  benchmark: "runs",
  date: "2026-01-01T00:00:00.000Z",
  versions: { node: "v20" },
  hardware: { cpu: 'a <b>"CPU"</b>', cores: 2, memoryGiB: 8, platform: "linux", arch: "x64", loadBefore: 0.1 },
  settings: { secondsPerGroup: 1, runsPerTurn: 5, turnLimitMs: 1000, maxRounds: 30 },
  peakMatmulGflops: 400,
  results,
  measurements: [],
  failures: [{ backend: "tfjs-node", model: "demo", policy: "ppt", batch: 1, code: "X", message: "not <installed>" }],
});

describe("statistics", () => {
  it("are those of order, whatever the order", () => {
    expect(spread([100, 100, 100])).toBe(0);
    expect(spread([120, 80, 100])).toBe(0.2);
  });

  it("compare neighbours in time, so that a slow spell does not count", () => {
    // The machine is three times slower from the second round on, but every ratio stays 2.
    expect(ratioOfTurns([20, 60, 60], [10, 30, 30])).toEqual({ median: 2, quartiles: [2, 2] });
    expect(ratioOfTurns([10, 20, 30, 40], [10, 10, 10, 10])).toEqual({ median: 2.5, quartiles: [1, 3] });
  });
});

describe("a comparison", () => {
  const steady = [100, 101, 99, 100];
  it.each([
    ["same", [102, 103, 101, 102]],
    ["faster", [70, 71, 69, 70]],
    ["slower", [140, 141, 139, 140]],
  ])("calls a change beyond noise by its name: %s", (verdict, after) => {
    const [change] = compareDocuments(documentOf(cell("ppt", steady)), documentOf(cell("ppt", after)));
    expect(change).toMatchObject({ verdict, name: "deit-s, batch 8, onnx-cpu, ppt" });
  });

  it("takes the same change for noise where turns lie far apart", () => {
    const noisy = [60, 140, 100, 80];
    const [change] = compareDocuments(documentOf(cell("ppt", noisy)), documentOf(cell("ppt", [130, 140, 120, 110])));
    expect(change!.verdict).toBe("same");
  });

  it("passes over cells that only one document has", () => {
    expect(compareDocuments(documentOf(cell("ppt", steady)), documentOf(cell("pool", steady)))).toEqual([]);
    const withoutTurns = { ...cell("ppt", steady), turnMs: [] };
    expect(compareDocuments(documentOf(withoutTurns), documentOf(cell("ppt", steady)))).toEqual([]);
  });
});

describe("answers in another precision", () => {
  it("are compared with those in floats, image by image", () => {
    const reference = [0, Math.log(3), 4, -8];
    const own = [0, 0, 3, -8];
    const { divergence, ...rest } = accuracyOf(own, reference, { over: "onnx-cpu", batch: 2 })!;
    // The largest difference is log 3; the largest logit is 8.
    expect(rest).toEqual({ over: "onnx-cpu", images: 2, sameAnswer: 1, error: Math.log(3) / 8 });
    const first = 0.25 * Math.log(0.5) + 0.75 * Math.log(1.5);
    const [p, q] = [1 / (1 + Math.exp(-12)), 1 / (1 + Math.exp(-11))];
    const second = p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));
    expect(divergence).toBeCloseTo((first + second) / 2, 9);
  });

  it("are left out of a contender without logits, and of models without classes", () => {
    for (const [own, reference] of [
      [undefined, [1]],
      [[1], undefined],
      [[], []],
      [[1, 2], [1]],
    ] as const)
      expect(accuracyOf(own, reference, { over: "onnx-cpu", batch: 1 })).toBeUndefined();
  });

  it("belong to the name before the colon, or to the one that a contender says", () => {
    const names = ["onnx-cpu:q8", "onnx-cpu", "./mine.js", "C:\\mine.js"];
    expect(names.map((name) => floatsOf({ name }))).toEqual(["onnx-cpu", undefined, undefined, undefined]);
    expect(floatsOf({ name: "standard-q8", floats: "onnx-plain" })).toBe("onnx-plain");
  });

  it("stand in the tables; those of random weights are marked", () => {
    const accuracy = { over: "onnx-cpu", images: 8, sameAnswer: 7, error: 0.0123, divergence: 1e-3 };
    const rows = (["unreduced", "ppt"] as const).flatMap((policy) =>
      ["demo", "deit-s"].map((model) => ({ ...cell(policy, [10], "onnx-cpu:q8"), model, accuracy })),
    );
    const document = documentOf(...rows);
    const table = markdownTable([document]);
    expect(table).toContain("| logits beside floats |");
    expect(table).toContain("| 1.2 % off, same answer to 7 of 8 |");
    expect(table).toContain("| 1.2 % off (random weights) |");
    expect(resultTable(document)).toMatch(/1\.2 % +7 of 8/);
    expect(renderReport({ documents: [document], others: [] })).toContain("<td>7 of 8</td>");
  });
});

describe("the report", () => {
  const newer = { ...documentOf(cell("unreduced", [200])), date: "2026-02-02T00:00:00.000Z" };
  const documents = [documentOf(cell("unreduced", [200]), cell("ppt", [130])), newer];
  const page = renderReport({ documents, others: ["cpu-<demo>.json"] });

  it("has the newest result first, and names what it leaves out", () => {
    expect(page.indexOf("2026-02-02")).toBeLessThan(page.indexOf("2026-01-01"));
    expect(page).toContain("Other files recorded here: cpu-&lt;demo&gt;.json.");
  });

  it("stands alone: nothing is fetched", () => {
    expect(page).not.toMatch(/<script|<link|src=|url\(/);
  });

  it("shows names from the machine as text, not as HTML", () => {
    expect(page).toContain("a &lt;b&gt;&quot;CPU&quot;&lt;/b&gt;");
    expect(page).toContain("not &lt;installed&gt;");
  });

  it("has every result in a plot and in the table, in words too", () => {
    expect(page).toContain("onnx-cpu, PPT: 61.5 images/s, median 130 ms, p90 130 ms");
    expect(page.match(/<tr><td>deit-s/g)).toHaveLength(3);
    expect(page).toContain("75 %");
  });
});

describe("tables", () => {
  const document = documentOf(cell("unreduced", [200]), cell("ppt", [130]));

  it("for a terminal end with what could not be measured", () => {
    expect(resultTable(document).trim().split("\n").at(-1)).toBe(
      "not measured: tfjs-node, demo, ppt, 1: not <installed>",
    );
  });

  it("in Markdown put both models of a backend into a row, of the newest result on that machine", () => {
    const wasm = (ms: number) => [cell("unreduced", [2 * ms], "onnx-wasm"), cell("ppt", [ms], "onnx-wasm")];
    const elsewhere = documentOf(...wasm(50));
    const older = documentOf(...wasm(500), cell("unreduced", [100]), cell("ppt", [80]));
    const other = { ...elsewhere, hardware: { ...elsewhere.hardware, cpu: "another CPU" } };
    const unlike = { ...documentOf(...wasm(5)), benchmark: "onnx" };
    const table = markdownTable([older, document, other, unlike]);
    expect(table.match(/^\| deit-s .*/gm)).toEqual([
      "| deit-s | 8 | onnx-wasm | 80.0 | 160 | 1.50x |",
      "| deit-s | 8 | onnx-cpu | 40.0 | 61.5 | 1.50x |",
      "| deit-s | 8 | onnx-wasm | 8.00 | 16.0 | 1.50x |",
    ]);
    expect(table.match(/^(another|a ).*:$/gm)).toHaveLength(2);
  });

  it("in Markdown choose benchmarks and backends, and link each row to its line", () => {
    const ratios = [{ backend: "onnx-plain", policy: "unreduced", median: 1.7, quartiles: null }] as const;
    const onnx = {
      ...documentOf(cell("unreduced", [200]), { ...cell("ppt", [130]), ratios }, cell("unreduced", [9], "onnx-plain")),
      benchmark: "onnx",
      source: { file: "benchmarks/results/onnx.ndjson", line: 7 },
    };
    const path = "docs/speed.md";
    expect(markdownTable([document, onnx], { rows: ["onnx/onnx-cpu"], path }).match(/^\| deit-s .*/gm)).toEqual([
      "| deit-s | 8 | onnx-cpu | 40.0 | 61.5 | [1.50x](../benchmarks/results/onnx.ndjson#L7) | 1.70x over onnx-plain |",
    ]);
    expect(markdownTable([document, onnx], { rows: ["onnx/cpu"], path })).toBe("");
  });

  it("go between their markers and nowhere else", () => {
    const [start, end] = tableMarkers;
    const text = `before\n${start}\r\nold\n${end}\nbetween\n<!-- benchmarks runs/onnx-cpu -->\nold\n${end}\nafter\n`;
    const some = markdownTable([document], { rows: ["runs/onnx-cpu"], path: "x.md" });
    expect(replaceTables(text, [document], "x.md")).toBe(
      `before\n${start}\n${markdownTable([document])}${end}\nbetween\n<!-- benchmarks runs/onnx-cpu -->\n${some}${end}\nafter\n`,
    );
    expect(() => replaceTables(`${end} ${start}`, [document], "x.md")).toThrow(/x.md: has no <!-- benchmarks -->/);
  });

  it.each([
    ["whose end is missing", "<!-- benchmarks -->\nold\n", /1 tables begin, and 0 can be written/],
    [
      "that begins in another",
      `<!-- benchmarks -->\n<!-- benchmarks -->\n${tableMarkers[1]}\n`,
      /2 tables begin, and 1/,
    ],
    ["whose rows are no names", `<!-- benchmarks A B -->\nold\n${tableMarkers[1]}\n`, /1 tables begin, and 0/],
    [
      "that would be empty",
      `<!-- benchmarks none -->\nold\n${tableMarkers[1]}\n`,
      /for the table <!-- benchmarks none -->/,
    ],
  ])("refuse a table %s, and keep the old one", (_what, text, message) => {
    expect(() => replaceTables(text, [document], "x.md")).toThrow(
      expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringMatching(message) }),
    );
  });
});

describe("this repository", () => {
  const fromRoot = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
  const { documents, others } = readRecorded([fromRoot("benchmarks/results")]);

  it("holds results of one schema, each in the file of its benchmark", () => {
    expect(others).toEqual([]);
    for (const { benchmark, source } of documents) expect(basename(source!.file)).toBe(`${benchmark}.ndjson`);
  });

  it("has the tables in its README that the recorded results give", () => {
    const readme = readFileSync(fromRoot("README.md"), "utf8");
    expect(replaceTables(readme, documents, fromRoot("README.md")), "run pnpm bench:report").toBe(readme);
  });
});

describe("models and contenders", () => {
  it("are the published geometries, each under every reduction", () => {
    const gmacs = (name: ReductionName) =>
      geometryNames
        .map((one) => modelCost(geometryConfig(one)!, reductionFor(name, geometryConfig(one)!)).gmacs.toFixed(2))
        .slice(0, 3);
    expect(geometryNames.slice(0, 3)).toEqual(["deit-ti", "deit-s", "deit-b"]);
    expect(gmacs("unreduced")).toEqual(["1.25", "4.60", "17.56"]);
    for (const name of ["ppt", "prune", "pool"] as const) expect(gmacs(name)).toEqual(["0.80", "2.94", "11.26"]);
    for (const name of geometryNames)
      for (const reduction of reductionNames.slice(1))
        expect(
          modelCost(geometryConfig(name)!, reductionFor(reduction as ReductionName, geometryConfig(name)!)).gmacs,
        ).toBeLessThan(modelCost(geometryConfig(name)!).gmacs);
  });

  it("take the schedule of a checkpoint, and its threshold where its policy is PPT", () => {
    const deit = geometryConfig("deit-s")!;
    expect(reductionFor("pool", deit)).toMatchObject({ layers: [3, 6, 9], threshold: "pool" });
    const evit = { layers: [3, 6], tokensRemoved: [30, 40], policy: "evit" } as const;
    expect(reductionFor("prune", deit, evit)).toEqual({ layers: [3, 6], tokensRemoved: [30, 40], threshold: "prune" });
    expect(reductionFor("ppt", deit, evit)).toEqual({ layers: [3, 6], tokensRemoved: [30, 40], threshold: 7e-5 });
    expect(reductionFor("evit", deit, evit)).toBe(evit);
    const mixed = { ...evit, policy: ["evit", "tome"] } as const;
    expect(reductionFor("own", deit, mixed)).toBe(mixed);
    expect(reductionFor("ppt", deit, mixed)).toEqual({ layers: [3, 6], tokensRemoved: [30, 40], threshold: 7e-5 });
    expect(reductionFor("tome", deit, evit)).toEqual({ layers: [3, 6], tokensRemoved: [30, 40], policy: "tome" });
  });

  it("take half precision behind a backend of ONNX Runtime only", async () => {
    for (const name of [...contenderNames, "onnx-cpu:fp16", "onnx-webgpu:fp16"]) await requireContender(name);
    for (const name of ["cpu:fp16", "tfjs-wasm:fp16", "onnx-cpu:fp8"])
      await expect(requireContender(name)).rejects.toThrow(/: \S+ has no precision 'fp(16|8)'; .+ are there/);
    await expect(requireContender("abacus:fp16")).rejects.toThrow(/unknown backend/);
  });
});

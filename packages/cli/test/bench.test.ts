/** What is made of measured times: statistics, comparisons, the report. Measuring itself is tested in a real process. */
import { readFileSync } from "node:fs";
import { modelCost } from "@ppt-vit/core";
import { describe, expect, it } from "vitest";
import { compareDocuments } from "../src/commands/bench/compare.js";
import { contenderNames, requireContender } from "../src/commands/bench/contenders.js";
import { readRecorded } from "../src/commands/bench/documents.js";
import { type BenchPolicy, geometryConfig, geometryNames, reductionFor } from "../src/commands/bench/model.js";
import { renderReport } from "../src/commands/bench/report.js";
import { median, medianRatio, quantile, spread } from "../src/commands/bench/statistics.js";
import { markdownTable, replaceTable, resultTable, tableMarkers } from "../src/commands/bench/table.js";
import type { BenchDocument, CellResult } from "../src/commands/bench/types.js";

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
    effectiveGflops: 300,
    peakMemoryBytes: 5e8,
  };
}

const documentOf = (...results: CellResult[]): BenchDocument => ({
  benchmark: "ppt-vit bench",
  version: 1,
  date: "2026-01-01T00:00:00.000Z",
  versions: { node: "v20" },
  hardware: { cpu: 'a <b>"CPU"</b>', cores: 2, memoryGiB: 8, platform: "linux", arch: "x64", loadBefore: 0.1 },
  settings: { secondsPerGroup: 1, runsPerTurn: 5, turnLimitMs: 1000, maxRounds: 30 },
  peakMatmulGflops: 400,
  results,
  failures: [{ backend: "tfjs-node", model: "demo", policy: "ppt", batch: 1, code: "X", message: "not <installed>" }],
});

describe("statistics", () => {
  it("are those of order, whatever the order", () => {
    expect(median([5, 1, 3])).toBe(3);
    expect(quantile([10, 20, 30, 40], 0.9)).toBe(40);
    expect(spread([100, 100, 100])).toBe(0);
  });

  it("compare neighbours in time, so that a slow spell does not count", () => {
    // The machine is three times slower from the second round on; every ratio is 2.
    expect(medianRatio([20, 60, 60], [10, 30, 30])).toBe(2);
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
  });
});

describe("the report", () => {
  const newer = { ...documentOf(cell("unreduced", [200])), date: "2026-02-02T00:00:00.000Z" };
  const documents = [documentOf(cell("unreduced", [200]), cell("ppt", [130])), newer];
  const page = renderReport({ documents, others: ["cpu-<demo>.json"] });

  it("has the newest result first, and names what it leaves out", () => {
    expect(page.indexOf("2026-02-02")).toBeLessThan(page.indexOf("2026-01-01"));
    expect(page).toContain("Other benchmarks recorded here: cpu-&lt;demo&gt;.json.");
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

  it("for the README put both models of a backend into a row, of the newest result on that machine", () => {
    const wasm = (ms: number) => [cell("unreduced", [2 * ms], "onnx-wasm"), cell("ppt", [ms], "onnx-wasm")];
    const elsewhere = documentOf(...wasm(50));
    const older = documentOf(...wasm(500), cell("unreduced", [100]), cell("ppt", [80]));
    const other = { ...elsewhere, hardware: { ...elsewhere.hardware, cpu: "another CPU" } };
    const table = markdownTable([older, document, other]);
    expect(table.match(/^\| deit-s .*/gm)).toEqual([
      "| deit-s | 8 | onnx-wasm | 80.0 | 160 | 1.50x |",
      "| deit-s | 8 | onnx-cpu | 40.0 | 61.5 | 1.50x |",
      "| deit-s | 8 | onnx-wasm | 8.00 | 16.0 | 1.50x |",
    ]);
    expect(table.match(/^(another|a ).*:$/gm)).toHaveLength(2);
  });

  it("go between their markers and nowhere else", () => {
    const [start, end] = tableMarkers;
    const text = `before\n${start}\nold\n${end}\nafter\n`;
    expect(replaceTable(text, [document], "x.md")).toBe(
      `before\n${start}\n${markdownTable([document])}${end}\nafter\n`,
    );
    expect(() => replaceTable(`${end} ${start}`, [document], "x.md")).toThrow(/x.md: has no <!-- benchmarks -->/);
  });

  it("of this repository's README is what the recorded results give", () => {
    const fromRoot = (path: string) => new URL(`../../../${path}`, import.meta.url).pathname;
    const readme = readFileSync(fromRoot("README.md"), "utf8");
    const { documents } = readRecorded([fromRoot("benchmarks/results")]);
    expect(replaceTable(readme, documents, "README.md"), "run pnpm bench:report").toBe(readme);
  });
});

describe("models and contenders", () => {
  it("are the published geometries, each under every policy", () => {
    const gmacs = (policy: BenchPolicy) =>
      geometryNames.map((name) => modelCost(geometryConfig(name)!, reductionFor(policy)).gmacs.toFixed(2));
    expect(geometryNames).toEqual(["deit-ti", "deit-s", "deit-b"]);
    expect(gmacs("unreduced")).toEqual(["1.25", "4.60", "17.56"]);
    for (const policy of ["ppt", "prune", "pool"] as const) expect(gmacs(policy)).toEqual(["0.80", "2.94", "11.26"]);
    expect(reductionFor("pool")).toMatchObject({ layers: [3, 6, 9], threshold: "pool" });
    const evit = { layers: [3, 6], tokensRemoved: [30, 40], policy: "evit" } as const;
    expect(reductionFor("prune", evit)).toEqual({ layers: [3, 6], tokensRemoved: [30, 40], threshold: "prune" });
    expect(reductionFor("ppt", evit)).toEqual({ layers: [3, 6], tokensRemoved: [30, 40], threshold: 7e-5 });
  });

  it("take half precision behind a backend of ONNX Runtime only", () => {
    for (const name of [...contenderNames, "onnx-cpu:fp16", "onnx-webgpu:fp16"]) requireContender(name);
    for (const name of ["cpu:fp16", "tfjs-wasm:fp16", "onnx-cpu:fp8"])
      expect(() => requireContender(name)).toThrow(/unknown backend/);
  });
});

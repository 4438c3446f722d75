/** What is made of measured times: statistics, comparisons, the report. Measuring itself is tested in a real process. */
import { describe, expect, it } from "vitest";
import { compareDocuments } from "../src/bench/compare.js";
import { renderReport } from "../src/bench/report.js";
import { median, medianRatio, quantile, spread } from "../src/bench/statistics.js";
import { markdownTable, resultTable } from "../src/bench/table.js";
import type { BenchDocument, CellResult } from "../src/bench/types.js";

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
  hardware: { cpu: 'a <b>"CPU"</b>', cores: 2, memoryGiB: 8, platform: "linux", arch: "x64" },
  settings: { secondsPerGroup: 1, runsPerTurn: 5, maxRounds: 30 },
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
  const page = renderReport([documentOf(cell("unreduced", [200]), cell("ppt", [130]))]);

  it("stands alone: nothing is fetched", () => {
    expect(page).not.toMatch(/<script|<link|src=|url\(/);
  });

  it("shows names from the machine as text, not as HTML", () => {
    expect(page).toContain("a &lt;b&gt;&quot;CPU&quot;&lt;/b&gt;");
    expect(page).toContain("not &lt;installed&gt;");
  });

  it("has every result in a plot and in the table, in words too", () => {
    expect(page).toContain("onnx-cpu, PPT: 61.5 images/s, median 130 ms, p90 130 ms");
    expect(page.match(/<tr><td>deit-s/g)).toHaveLength(2);
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

  it("for the README put both models of a backend into a row", () => {
    expect(markdownTable([document])).toContain("| deit-s | 8 | onnx-cpu | 40.0 | 61.5 | 1.50x |");
  });
});

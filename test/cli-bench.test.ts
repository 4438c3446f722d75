/** `ppt-vit bench` as a real process, on the demo model. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root, run } from "../scripts/workspace.mjs";

const main = join(root, "packages/cli/dist/main.js");
const bench = (...args: string[]) => run(process.execPath, [main, "bench", ...args], { cwd: home });

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "ppt-vit-bench-"));
});
afterAll(() => rmSync(home, { recursive: true }));

test("measures, records and reports", { timeout: 120_000 }, async () => {
  const { code, output } = await bench(
    ...["--models", "demo", "--batches", "2", "--seconds", "1", "--backends", "onnx-cpu,tfjs-node"],
    ...["--out", "result.json", "--report", "report.html"],
  );
  expect(code, output).toBe(0);
  const { results, failures, peakMatmulGflops } = JSON.parse(readFileSync(join(home, "result.json"), "utf8"));
  expect(peakMatmulGflops).toBeGreaterThan(1);
  expect(results).toHaveLength(2);
  for (const [i, policy] of ["unreduced", "ppt"].entries()) {
    const { turnMs, medianMs, p90Ms, imagesPerSecond, peakMemoryBytes, ...rest } = results[i];
    expect(rest).toMatchObject({ backend: "onnx-cpu", model: "demo", batch: 2, policy });
    expect(turnMs.length).toBeGreaterThanOrEqual(3);
    expect(p90Ms).toBeGreaterThanOrEqual(medianMs);
    expect(imagesPerSecond).toBeCloseTo(2000 / medianMs, 6);
    expect(peakMemoryBytes).toBeGreaterThan(5e7);
  }
  expect(results[0].speedup).toBe(1);
  expect(results[1].gmacs).toBeLessThan(results[0].gmacs);
  // What is not installed is listed with what to install, and the rest goes on.
  expect(failures).toHaveLength(2);
  expect(failures[0]).toMatchObject({ backend: "tfjs-node", code: "BACKEND_UNAVAILABLE" });
  expect(readFileSync(join(home, "report.html"), "utf8")).toContain("onnx-cpu");

  const compared = await bench("--compare", "result.json", "result.json");
  expect(compared.code, compared.output).toBe(0);
  expect(compared.output.match(/^same .* 0 % time/gm)).toHaveLength(2);
});

test.each([
  [["--backends", "abacus"], /unknown backend 'abacus'; available: cpu, .*\[UNKNOWN_BACKEND\]/],
  [["--models", "vgg"], /model 'vgg' is neither a geometry/],
  [["--policies", "none"], /expected one or more of unreduced,ppt,prune,pool/],
  [["--compare", "missing.json", "missing.json"], /missing.json: cannot be read \(ENOENT\)/],
  [["--compare", "other.json", "other.json"], /other.json: not a result of ppt-vit bench/],
  [["--from", "result.json"], /--from needs --report/],
])("refuses %j", async (args, message) => {
  writeFileSync(join(home, "other.json"), "{}");
  const { code, output } = await bench(...args);
  expect(output).toMatch(message);
  expect(code).toBe(2);
});

/** Tests `ppt-vit bench` as a real process, on small measurements. Its JSON shows whether they were made correctly. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { backendNames } from "@ppt-vit/pipeline";
import { beforeAll, expect, test } from "vitest";
import { run } from "../scripts/workspace.mjs";
import { writeTinyModel } from "./browser/bench-model.js";
import { main, temporaryFolder } from "./built.js";

interface Cell {
  readonly backend: string;
  readonly model: string;
  readonly policy: string;
  readonly batch: number;
  readonly gmacs: number;
  readonly turnMs: number[];
  readonly medianMs: number;
  readonly p90Ms: number;
  readonly imagesPerSecond: number;
  readonly speedup: number | null;
  readonly peakMemoryBytes: number;
  readonly accuracy?: { readonly over: string; readonly error: number };
}

const bench = (...args: string[]) => run(process.execPath, [main, "bench", ...args], { cwd: home });
const readHere = (file: string) => readFileSync(join(home, file), "utf8");

/** Runs with `--json`, and returns the printed document. */
async function measure(...args: string[]) {
  const { code, output, stdout } = await bench(...args, "--seconds", "1", "--json");
  expect(code, output).toBe(0);
  return JSON.parse(stdout) as { results: Cell[]; failures: Cell[] };
}

const home = temporaryFolder("bench");
beforeAll(() => {
  mkdirSync(join(home, "tiny"));
  writeTinyModel(join(home, "tiny"));
});

test("measures, records, reports and compares", { timeout: 240_000 }, async () => {
  mkdirSync(join(home, "results"));
  const { code, output } = await bench(
    ...["--quick", "--models", "demo", "--batches", "2", "--seconds", "1", "--backends", "onnx-cpu,tfjs-node"],
    ...["--out", "results", "--report", "pages/one.html"],
  );
  expect(code, output).toBe(0);
  const [name] = readdirSync(join(home, "results"));
  expect(name).toBe("runs.ndjson");
  const line = readHere("results/runs.ndjson");
  const document = JSON.parse(line);
  expect(line).toBe(`${JSON.stringify(document)}\n`);
  expect(output).toContain("recorded in results/runs.ndjson#1");
  const { results, failures } = document;
  expect(document).toMatchObject({
    benchmark: "runs",
    commit: expect.any(String),
    versions: { node: process.version, "@ppt-vit/core": expect.any(String), "onnxruntime-node": expect.any(String) },
    hardware: { cores: expect.any(Number), loadBefore: expect.any(Number) },
    settings: { secondsPerGroup: 1, runsPerTurn: 5 },
  });
  expect(document.peakMatmulGflops).toBeGreaterThan(1);
  expect(results).toHaveLength(2);
  for (const [i, policy] of ["unreduced", "ppt"].entries()) {
    const { turnMs, medianMs, p90Ms, imagesPerSecond, peakMemoryBytes, ...rest } = results[i];
    expect(rest).toMatchObject({ backend: "onnx-cpu", model: "demo", batch: 2, policy });
    expect(turnMs.length).toBeGreaterThanOrEqual(5);
    expect(p90Ms).toBeGreaterThanOrEqual(medianMs);
    expect(imagesPerSecond).toBeCloseTo(2000 / medianMs, 6);
    expect(peakMemoryBytes).toBeGreaterThan(5e7);
  }
  expect(results[0].speedup).toBe(1);
  const [{ median, quartiles, ...other }] = results[1].ratios;
  expect(other).toEqual({ backend: "onnx-cpu", policy: "unreduced" });
  expect(median).toBe(results[1].speedup);
  expect(quartiles[0]).toBeLessThanOrEqual(median);
  expect(quartiles[1]).toBeGreaterThanOrEqual(median);
  expect(results[1].gmacs).toBeLessThan(results[0].gmacs);
  // A contender that is not installed is listed with what to install, and the others run.
  expect(failures).toHaveLength(2);
  expect(failures[0]).toMatchObject({ backend: "tfjs-node", code: "BACKEND_UNAVAILABLE" });
  expect(readHere("pages/one.html")).toContain("onnx-cpu");

  // A file with a single document is never replaced.
  writeFileSync(join(home, "one.json"), line);
  const again = await bench("--models", "demo", "--out", "one.json");
  expect(again.output).toMatch(/exists, and results are only added: choose another name \[INVALID_OPTION\]/);
  expect(again.code).toBe(2);

  // The report and the table come from the recorded results alone.
  writeFileSync(join(home, "results/other.json"), '{ "benchmark": "another" }');
  writeFileSync(join(home, "README.md"), "# Speed\n<!-- benchmarks -->\n<!-- /benchmarks -->\nend\n");
  const reported = await bench("--from", "results", "--report", "pages/all.html", "--table", "README.md");
  expect(reported.code, reported.output).toBe(0);
  expect(reported.output).toContain("left out: other.json");
  expect(readHere("pages/all.html").match(/<svg/g)).toHaveLength(3);
  expect(readHere("README.md")).toMatch(
    /\n\| demo \| 2 \| onnx-cpu \| [\d.]+ \| [\d.]+ \| \[[\d.]+x\]\(results\/runs\.ndjson#L1\) \|\n<!-- \/benchmarks -->/,
  );
  const unchanged = await bench("--from", "results", "--table", "README.md");
  expect(unchanged.output).toContain("README.md: the table was as the results give it");

  const same = await bench("--compare", "results/runs.ndjson#1", "one.json");
  expect(same.code, same.output).toBe(0);
  expect(same.output.match(/^same +\+0 % time/gm)).toHaveLength(2);
  const faster = results.map((cell: Cell) => ({ ...cell, turnMs: cell.turnMs.map((ms) => ms / 10) }));
  writeFileSync(join(home, "faster.json"), JSON.stringify({ ...document, results: [faster[0], results[1]] }));
  const compared = await bench("--compare", "results/runs.ndjson", "faster.json");
  expect(compared.output).toMatch(/^faster +-90 % time .*demo, batch 2, onnx-cpu, unreduced$/m);
  expect(compared.output).toMatch(/^same +\+0 % time .*onnx-cpu, ppt, speedup ([\d.]+x) -> \1$/m);
});

test("every policy, on a geometry and on a local model, against transformers.js", { timeout: 240_000 }, async () => {
  const { results, failures } = await measure(
    ...["--models", "deit-ti,./tiny", "--batches", "1", "--policies", "unreduced,ppt,prune,pool"],
    ...["--backends", "onnx-cpu,transformers.js"],
  );
  expect(failures).toEqual([]);
  const cells = results.map(({ model, backend, policy }) => `${model} ${backend} ${policy}`);
  expect(cells).toEqual(
    ["deit-ti", "./tiny"].flatMap((model) =>
      ["onnx-cpu", "transformers.js"].flatMap((backend) =>
        ["unreduced", "ppt", "prune", "pool"].map((policy) => `${model} ${backend} ${policy}`),
      ),
    ),
  );
  for (const { policy, gmacs, speedup } of results.slice(0, 8)) {
    expect(gmacs.toFixed(2)).toBe(policy === "unreduced" ? "1.25" : "0.80");
    expect(speedup).toBeGreaterThan(0);
  }
});

test("a larger geometry, half precision and 8-bit weights", { timeout: 240_000 }, async () => {
  const { results, failures } = await measure(
    ...["--models", "deit-s", "--batches", "1", "--policies", "prune", "--backends", "onnx-cpu"],
  );
  expect(failures).toEqual([]);
  expect(results.map(({ model, gmacs }) => `${model} ${gmacs.toFixed(2)}`)).toEqual(["deit-s 2.94"]);
  // Without the unreduced model beside them there is no speedup.
  for (const { speedup } of results) expect(speedup).toBeNull();

  const half = await measure("--models", "./tiny", "--batches", "1,2", "--backends", "onnx-cpu:fp16");
  expect(half.results.map(({ backend, batch }) => `${backend} ${batch}`)).toEqual(
    [1, 1, 2, 2].map((batch) => `onnx-cpu:fp16 ${batch}`),
  );
  const quantized = await measure("--models", "./tiny", "--batches", "1", "--backends", "onnx-cpu:q8,cpu:q8,cpu");
  expect(quantized.failures).toEqual([]);
  expect(new Set(quantized.results.map(({ backend }) => backend))).toEqual(new Set(["onnx-cpu:q8", "cpu:q8", "cpu"]));
  // Answers are compared with those in floats where these were measured, too.
  for (const { backend, accuracy } of quantized.results) {
    expect(accuracy?.over).toBe(backend === "cpu:q8" ? "cpu" : undefined);
    if (accuracy) expect(accuracy.error).toBeGreaterThan(0);
  }
});

test("settings of files, side by side", { timeout: 120_000 }, async () => {
  const model = { name: "another", fingerprint: "0123456789abcdef" };
  writeFileSync(join(home, "early.json"), JSON.stringify({ layers: [0], tokensRemoved: 8, policy: "diffrate", model }));
  writeFileSync(join(home, "late.json"), JSON.stringify({ layers: [2], tokensRemoved: 4, threshold: "pool" }));
  const { results, failures } = await measure(
    ...[
      "--models",
      "./tiny",
      "--batches",
      "1",
      "--backends",
      "cpu",
      "--reduction",
      "late.json,early.json,deit-small-paper",
    ],
    ...["--report", "settings.html", "-o", "settings.json"],
  );
  // Speed does not depend on weights, but a checkpoint refuses what was found for another one, as it does everywhere.
  expect(failures).toMatchObject([
    { policy: "early.json", code: "INVALID_REDUCTION", reduction: { policy: "diffrate" } },
    { policy: "deit-small-paper", code: "INVALID_REDUCTION" },
  ]);
  expect(results.map(({ policy }) => policy)).toEqual(["unreduced", "late.json"]);
  expect(results[1]).toMatchObject({ reduction: { layers: [2], tokensRemoved: 4, threshold: "pool" } });
  expect(results[1]!.gmacs).toBeLessThan(results[0]!.gmacs);
  expect(readHere("settings.html")).toContain("late.json");
  const geometry = await measure(
    ...["--models", "deit-ti", "--batches", "1", "--backends", "onnx-cpu", "--reduction", "late.json,early.json"],
  );
  expect(geometry.results.map(({ policy }) => policy)).toEqual(["unreduced", "late.json", "early.json"]);
  const ratios = (geometry.results[2] as { ratios?: object[] }).ratios;
  expect(ratios).toMatchObject([{ policy: "unreduced" }, { policy: "late.json" }]);

  // A policy that nobody knows is no result.
  const document = JSON.parse(readHere("settings.json"));
  delete document.results[1].reduction;
  writeFileSync(join(home, "wrong.json"), JSON.stringify(document));
  const wrong = await bench("--from", "wrong.json", "--report", "wrong.html");
  expect(wrong.output).toContain('wrong.json: results[1].policy: is "late.json", expected one of unreduced, ppt');
  const missing = await bench("--reduction", "late.json,missing.json");
  expect(missing.output).toContain("missing.json: cannot be read (ENOENT) [NOT_FOUND]");
  expect(missing.code).toBe(2);
});

test.each(["classify", "demo", "bench"])("%s --help lists every backend", async (command) => {
  const { output } = await run(process.execPath, [main, command, "--help"]);
  for (const name of backendNames) expect(output.replace(/\s/g, "")).toContain(name);
});

test("a contender that dies in the middle is listed, and the others go on", { timeout: 120_000 }, async () => {
  writeFileSync(
    join(home, "dies.mjs"),
    // It only watches: a listener of its own would take the first message before the command listens.
    `const emit = process.emit;
     let doomed = false;
     process.emit = function (event, message, ...rest) {
       doomed ||= message?.prepare?.policy === "prune";
       if (event === "message" && message.turn && doomed) throw new Error("the GPU has fallen off the bus");
       return emit.call(this, event, message, ...rest);
     };`,
  );
  const args = ["--models", "./tiny", "--batches", "1", "--seconds", "1", "--backends", "cpu", "--json"];
  const { code, output, stdout } = await run(
    process.execPath,
    [main, "bench", ...args, "--policies", "unreduced,prune,pool"],
    { cwd: home, env: { NODE_OPTIONS: `--import=${pathToFileURL(join(home, "dies.mjs"))}` } },
  );
  expect(code, output).toBe(0);
  const { results, failures } = JSON.parse(stdout);
  expect(results.map(({ policy }: Cell) => policy)).toEqual(["unreduced", "pool"]);
  expect(failures).toMatchObject([
    {
      policy: "prune",
      code: "UNEXPECTED",
      message: "its process ended with code 1: Error: the GPU has fallen off the bus",
    },
  ]);
});

test("contenders and benchmarks of modules are measured like those that are built in", {
  timeout: 120_000,
}, async () => {
  writeFileSync(
    join(home, "sleepers.mjs"),
    `const sleeper = (name, ms) => ({
       name,
       prepare: async ({ config, reduction }) => async () => async (pixelValues, batch) => {
         if (pixelValues.length !== batch * config.channels * config.imageSize[0] * config.imageSize[1]) throw new Error("pixels");
         await new Promise((resolve) => setTimeout(resolve, reduction ? ms / 2 : ms));
       },
     });
     export const contenders = [sleeper("slow", 40), sleeper("slower", 160)];`,
  );
  const args = ["--contenders", "sleepers.mjs", "--backends", "slow,slower", "--reference", "slower", "--batches", "2"];
  const { code, output } = await bench(...args, "--models", "./tiny", "--seconds", "1", "--out", ".");
  expect(code, output).toBe(0);
  const { benchmark, results } = JSON.parse(readHere("sleepers.ndjson"));
  expect(benchmark).toBe("sleepers");
  expect(results[1]).toMatchObject({ backend: "slow", policy: "ppt" });
  const compared = results[1].ratios.map(({ backend, policy }: Cell) => `${backend} ${policy}`);
  expect(compared).toEqual(["slow unreduced", "slower unreduced", "slower ppt"]);
  expect(output).toMatch(/batch 2, slow, ppt: [\d.]+x over slower, unreduced \(quartiles [\d.]+ to [\d.]+\)/);

  writeFileSync(
    join(home, "layers.mjs"),
    `export const measure = async ({ settings, geometry }) => ({
       settings,
       measurements: [{ name: settings.model, facts: { layers: geometry(settings.model).num_hidden_layers } }],
     });`,
  );
  const measured = await bench("--benchmark", "layers.mjs", "--set", "model=lvvit-s", "--out", ".", "--json");
  expect(measured.code, measured.output).toBe(0);
  expect(JSON.parse(readHere("layers.ndjson"))).toMatchObject({
    benchmark: "layers",
    settings: { model: "lvvit-s" },
    results: [],
    measurements: [{ name: "lvvit-s", facts: { layers: 16 } }],
  });
});

test.each([
  [["--backends", "abacus"], /unknown backend 'abacus'; available: cpu, .*transformers\.js \[UNKNOWN_BACKEND\]/],
  [["--backends", "cpu:q5"], /'cpu:q5': cpu has no precision 'q5'; cpu:q8, cpu:q4 are there \[UNSUPPORTED_DTYPE\]/],
  [["--models", "vgg"], /model 'vgg' is neither 'demo', nor a path, .*geometries are deit-ti, deit-s, deit-b/],
  [["--policies", "none"], /expected one or more of unreduced,ppt,prune,pool/],
  [["--out", "nowhere/result.json"], /--out nowhere\/result\.json: there is no folder of that name/],
  [["--compare", "missing.json", "missing.json"], /missing.json: cannot be read \(ENOENT\)/],
  [["--compare", "other.json", "other.json"], /other.json: not a result of ppt-vit bench/],
  [["--contenders", "missing.mjs"], /--contenders missing.mjs: cannot be loaded: .* \[INVALID_OPTION\]/],
  [["--contenders", "empty.mjs"], /--contenders empty.mjs: must export contenders, a list of/],
  [["--benchmark", "empty.mjs"], /--benchmark empty.mjs: must export measure\(context\)/],
  [["--benchmark", "empty.mjs", "--set", "x"], /expected KEY=VALUE/],
  [["--reference", "abacus"], /--reference abacus: is not among --backends cpu,/],
  [["--compare", "other.json"], /--compare takes two files: A.json B.json/],
  [["--from", "missing.json", "--report", "x.html"], /missing.json: cannot be read \(ENOENT\)/],
  [["--from", "tiny", "--report", "x.html"], /tiny: no result of ppt-vit bench among \d files/],
  [["--from", "result.json"], /--from needs --report FILE.html, --table FILE.md, or both/],
  [["--table", "README.md"], /--table needs --from/],
])("refuses %j", async (args, message) => {
  writeFileSync(join(home, "other.json"), "{}");
  writeFileSync(join(home, "empty.mjs"), "");
  const { code, output } = await bench(...args);
  expect(output).toMatch(message);
  expect(code).toBe(2);
});

/** Tests `ppt-vit calibrate` as users call it, and its `reduction.json` in the commands that accept one. */
import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { goldenUrl } from "@ppt-vit/conformance";
import { cosine, fromPretrained } from "@ppt-vit/pipeline";
import { beforeAll, describe, expect, test } from "vitest";
import { writeTinyModel } from "./browser/bench-model.js";
import { dog, main, runPptVit, samples, temporaryFolder } from "./built.js";

const home = temporaryFolder("calibrate");
beforeAll(() => {
  mkdirSync(join(home, "tiny"));
  writeTinyModel(join(home, "tiny"));
  mkdirSync(join(home, "empty"));
  mkdirSync(join(home, "siglip"));
  for (const file of ["config.json", "model.safetensors"])
    copyFileSync(new URL(`modern/siglip/${file}`, goldenUrl), join(home, "siglip", file));
  const preprocessing = { image_processor_type: "SiglipImageProcessor", size: { height: 32, width: 32 } };
  writeFileSync(join(home, "siglip/preprocessor_config.json"), JSON.stringify(preprocessing));
});

const pptVit = (...args: string[]) => runPptVit(home, args);

const calibrate = (...args: string[]) =>
  pptVit(
    ...["calibrate", "--backend", "cpu"],
    ...(args.includes("--model") ? [] : ["--model", "./tiny"]),
    ...(args.includes("--images") ? [] : ["--images", samples]),
    ...args,
  );

const readJson = (name: string) => JSON.parse(readFileSync(join(home, name), "utf8"));

describe("a calibration", () => {
  test("writes settings that classify, export and fromPretrained take, and a page", async () => {
    const { code, stdout, stderr } = await calibrate("--target-speedup", "1.3", "--report", "front.html", "--compare");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("settings tried on 12 pictures");
    expect(stdout).toContain("12 pictures can tell no more than between");
    expect(stdout).toContain("tome in blocks 0, 1, 2, 3");
    expect(readFileSync(join(home, "front.html"), "utf8")).toContain("<h2>The front</h2>");

    const settings = readJson("reduction.json");
    expect(settings.model.name).toBe("./tiny");
    expect(settings.calibration).toMatchObject({ target: { speedup: 1.3 }, pictures: 12, backend: "cpu" });
    const { unreduced, reduced } = settings.calibration.gmacs;
    expect(unreduced / reduced).toBeGreaterThanOrEqual(1.3);

    const { layers, tokensRemoved, threshold } = settings;
    const classified = await pptVit("classify", "-m", "./tiny", "--reduction", "./reduction.json", "--json", dog);
    expect(classified.code).toBe(0);
    const report = JSON.parse(classified.stdout);
    expect(report.reduction).toMatchObject({ layers, tokensRemoved, threshold });
    expect(report.gmacs.reduced).toBe(reduced);

    const exported = await pptVit(
      ...["export", "-m", "./tiny", "--reduction", "reduction.json", "--out", "exported", "--dtype", "fp32"],
    );
    expect(exported.code).toBe(0);
    const info = JSON.parse((await pptVit("info", "./exported", "--json")).stdout);
    expect(info.onnx[0].export.reduction).toMatchObject({ layers, tokensRemoved, threshold, model: settings.model });

    const classifier = await fromPretrained(join(home, "tiny"), { reduction: join(home, "reduction.json") });
    expect(classifier.reduction).toMatchObject({ layers, tokensRemoved, threshold });
    await classifier.dispose();
  });

  test("is refused by another model, with both names", async () => {
    await calibrate("--target-gmacs", "0.0018", "--out", "for-tiny.json");
    for (const command of ["classify", "visualize"]) {
      const { code, stderr } = await pptVit(command, "--reduction", "for-tiny.json", dog);
      expect(code).toBe(2);
      expect(stderr).toMatch(/made for '\.\/tiny' \([0-9a-f]{16}\), but this model is 'demo'/);
    }
  });

  test("prints one JSON document, with the front among the trials", async () => {
    const json = ["--json", "--pictures", "3", "--out"];
    const { code, stdout, stderr } = await calibrate(...json, "json.json", "--dtype", "q8");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { settings, dtype, pictures, trials, front, spreads, failures, unreduced } = JSON.parse(stdout);
    expect([dtype, settings.calibration.dtype]).toEqual(["q8", "q8"]);
    // Every trial ran with the quantised weights: the scores spread a little otherwise than with the floats.
    const floats = JSON.parse((await calibrate(...json, "floats.json")).stdout);
    expect(floats.dtype).toBe("fp32");
    const [spread, exact] = [spreads, floats.spreads].map((blocks) => blocks[0].values[0]);
    expect(spread).not.toBe(exact);
    expect(spread).toBeCloseTo(exact, 1 - Math.log10(exact));
    expect(settings).toEqual(readJson("json.json"));
    expect(pictures).toBe(3);
    expect(failures).toEqual([]);
    expect(spreads).toHaveLength(3);
    expect(spreads[0].values).toHaveLength(3);
    for (const trial of front) {
      expect(trials).toContainEqual(trial);
      expect(trial.gmacs).toBeLessThan(unreduced.gmacs);
    }
  });

  test("judges a model without a classifier by the cosine distance of its embeddings", async () => {
    const page = ["--report", "siglip.html", "--json", "--out", "siglip.json"];
    const { code, stdout, stderr } = await calibrate("--model", "./siglip", "--max-divergence", "0.3", ...page);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { answers, target, trials, front, unreduced, settings } = JSON.parse(stdout);
    expect([answers, target]).toEqual(["embeddings", { maxDivergence: 0.3 }]);
    for (const trial of trials) expect(trial).not.toHaveProperty("disagreements");
    expect(settings.calibration).not.toHaveProperty("disagreement");
    // The chosen ones are the cheapest that keep the bound.
    const { divergence, gmacs } = settings.calibration;
    expect(divergence).toBeLessThanOrEqual(0.3);
    for (const trial of front) if (trial.gmacs < gmacs.reduced) expect(trial.divergence).toBeGreaterThan(0.3);
    expect(gmacs.reduced).toBeLessThan(unreduced.gmacs);
    // The divergence is what a user sees.
    const task = "image-feature-extraction" as const;
    const [reduced, whole] = await Promise.all(
      [join(home, "siglip.json"), false as const].map(async (reduction) => {
        const extractor = await fromPretrained(join(home, "siglip"), { task, reduction, backend: "cpu" });
        const embeddings = [];
        for (const file of readdirSync(samples)) embeddings.push(await extractor.embed(join(samples, file)));
        await extractor.dispose();
        return embeddings;
      }),
    );
    const all = whole!.map((embedding, i) => 1 - cosine(embedding, reduced![i]!));
    // Every second picture was held back from the search, and decides.
    const distances = all.filter((_, i) => i % 2 === 1);
    const mean = distances.reduce((sum, distance) => sum + distance, 0) / distances.length;
    expect(divergence).toBeCloseTo(mean, 6);
    const html = readFileSync(join(home, "siglip.html"), "utf8");
    expect(html).toContain("loss: root of the cosine distance");
    expect(html).not.toMatch(/other answer|undefined|NaN/);

    const usual = await calibrate("--model", "./siglip", "--target-speedup", "1.1", "--out", "text.json");
    expect(usual.stdout).toMatch(/divergence 0\.\d+, from .* on the 6 pictures that decided/);
    expect(usual.stdout).not.toMatch(/other answer|undefined|NaN/);
  });

  test("goes on without pictures that cannot be read, and says which", async () => {
    mkdirSync(join(home, "mixed"));
    writeFileSync(join(home, "mixed/broken.png"), "no picture");
    writeFileSync(join(home, "mixed/dog.png"), readFileSync(dog));
    const { code, stdout, stderr } = await pptVit(
      ...["calibrate", "-m", "./tiny", "-b", "cpu", "--images", "mixed", "-o", "mixed.json"],
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/mixed\/broken\.png: .* \[INVALID_IMAGE\]/);
    expect(stdout).toContain("settings tried on 1 picture\n");
  });
});

describe("a search that was interrupted", () => {
  const args = ["calibrate", "-m", "./tiny", "-b", "cpu", "--images", samples, "--target-speedup", "1.3"];
  const journal = join(home, "killed.json.journal.jsonl");
  const lines = () => (existsSync(journal) ? readFileSync(journal, "utf8").split("\n").length - 1 : 0);
  /** What does not depend on how fast the machine was. */
  const settingsIn = (name: string) => {
    const { calibration, ...settings } = readJson(name);
    const { latencyMs: _, ...found } = calibration;
    return { settings, found };
  };

  test("goes on, and ends as one that was not", async () => {
    expect((await pptVit(...args, "-o", "whole.json")).code).toBe(0);
    const child = spawn(process.execPath, [main, ...args, "-o", "killed.json"], { cwd: home, stdio: "ignore" });
    const closed = new Promise((resolve) => child.on("close", (_, signal) => resolve(signal)));
    const watcher = watch(home, () => lines() > 6 && child.kill("SIGKILL"));
    expect(await closed).toBe("SIGKILL");
    watcher.close();
    const made = lines() - 1;
    expect(readdirSync(home)).not.toContain("killed.json");

    // Of other pictures the journal knows nothing, and it stays as it was.
    const before = readFileSync(journal, "utf8");
    const other = await pptVit(...args, "--pictures", "5", "-o", "killed.json");
    expect(other.stderr).toContain(
      "killed.json.journal.jsonl is of another search (other pictures): choose another --out",
    );
    expect(other.code).toBe(2);
    expect(readFileSync(journal, "utf8")).toBe(before);
    // A line that was cut off is made again; one that says something else is refused.
    writeFileSync(journal, `${before.split("\n").slice(0, 3).join("\n")}\n{"key":"x","trial":{}}\n`);
    expect((await pptVit(...args, "-o", "killed.json")).stderr).toContain("line 4: trial.reduction: is missing");
    writeFileSync(journal, `${before}{"key":`);

    const resumed = await pptVit(...args, "-o", "killed.json");
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toContain(`going on with killed.json.journal.jsonl: ${made} trials are made`);
    expect(settingsIn("killed.json")).toEqual(settingsIn("whole.json"));
    expect(readdirSync(home).filter((name) => name.startsWith("killed.json"))).toEqual(["killed.json"]);
  });
});

describe("a search by time", () => {
  test("measures a table, keeps it, and takes it again", async () => {
    const args = ["--cost", "latency", "--latencies", "times.json", "--pictures", "3", "--batch", "3"];
    // What so small a model saves may be noise, so the search may find nothing. The table is kept before that.
    await calibrate(...args, "--target-speedup", "1.1", "-o", "noise.json");
    const { format, tables } = readJson("times.json");
    const [table, ...more] = tables;
    expect(more).toEqual([]);
    expect(table).toMatchObject({ version: 1, backend: "cpu", dtype: "fp32", batch: 3 });

    // The same with known times: that it was read shows in what is found.
    const keep = (changed: object) =>
      writeFileSync(join(home, "times.json"), JSON.stringify({ format, tables: [changed] }));
    const most = table.blocks[0].tokens;
    const blocks = table.blocks.map(({ tokens }: { tokens: number }) => ({
      tokens,
      savedMs: (20 * (most - tokens)) / most,
    }));
    const steps = table.steps.map((step: { at: object[] }) => ({
      ...step,
      at: step.at.map((one) => ({ ...one, ms: 0 })),
    }));
    keep({ ...table, unreducedMs: 100, blocks, steps });
    const found = await calibrate(...args, "--target-speedup", "1.1", "--plot", "front.svg", "-o", "fast.json");
    expect(found.code, found.stderr).toBe(0);
    expect(found.stdout).toContain("wrote fast.json, front.svg, times.json");
    expect(readFileSync(join(home, "front.svg"), "utf8")).toMatch(
      /^<svg [^>]*>[\s\S]*ms of one image; unreduced 100<[\s\S]*<\/svg>\n$/,
    );
    const { estimatedMs } = readJson("fast.json").calibration;
    expect(estimatedMs.unreduced).toBe(100);
    expect(100 / estimatedMs.reduced).toBeGreaterThanOrEqual(1.1);

    keep({ ...table, unreducedMs: 100, blocks: blocks.map((block: object) => ({ ...block, savedMs: 0 })), steps });
    const nothing = await calibrate(...args, "--target-speedup", "1.1", "-o", "no.json");
    expect(nothing.stderr).toContain("reducing tokens saves too little time here");
    keep({ ...table, blocks: [] });
    expect((await calibrate(...args, "-o", "no.json")).stderr).toContain(
      "times.json: tables[0]: is not a table of latencies",
    );
    const alone = await calibrate("--latencies", "times.json", "-o", "no.json");
    expect(alone.stderr).toContain("--latencies keeps what --cost latency measures");
  });
});

describe("a call that cannot succeed", () => {
  test.each([
    [["--images", "empty"], "no pictures (.jpg"],
    [["--images", "nowhere"], "none of 1 could be read"],
    [["--target-gmacs", "0.0001"], "no schedule reaches 0.000 GMACs; the nearest is 0.002, 2.36 times less"],
    [["--target-gmacs", "7"], "7 GMACs is no reduction: the unreduced model has 0.00"],
    [["--target-speedup", "1"], "is no reduction"],
    [["--target-speedup", "50"], "no schedule reaches"],
    [["--target-gmacs", "1", "--max-disagreement", "1%"], "give one of --target-gmacs"],
    [["--max-disagreement", "%"], "expected a share such as 1% or 0.01"],
    [["--max-disagreement", "100%"], "expected a share"],
    [["--max-divergence", "0"], "expected a number above 0"],
    [["--target-gmacs", "1", "--max-divergence", "1"], "give one of --target-gmacs"],
    [["--model", "./siglip", "--max-disagreement", "1%"], "no classes, so no answer can be told to be another"],
    [["--model", "./siglip", "--objective", "disagreement"], "bound the divergence with { maxDivergence }"],
    [["--target-speedup", "fast"], "expected a number above 0"],
    [["--objective", "beauty"], "Allowed choices are divergence, disagreement"],
    [["--model", "./empty"], "config.json"],
  ])("%j", async (args, message) => {
    const { code, stdout, stderr } = await calibrate("--out", "never.json", ...args);
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(() => readJson("never.json")).toThrow("ENOENT");
  });

  test("leaves what is there, unless it is told to", async () => {
    writeFileSync(join(home, "mine.json"), "{}");
    const { code, stderr } = await calibrate("--out", "mine.json");
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("mine.json exists") });
    expect(readJson("mine.json")).toEqual({});
    expect((await calibrate("--out", "mine.json", "--force", "--target-speedup", "1.2")).code).toBe(0);
    expect(readJson("mine.json").layers).toBeInstanceOf(Array);
  });
});

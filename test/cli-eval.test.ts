/** Tests `ppt-vit eval` as a real process: killed and resumed, in shards, and on bad input. */
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, watch, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { root } from "../scripts/workspace.mjs";
import { automatic, main, noModel, runPptVit, temporaryFolder } from "./built.js";

const demo = join(root, "packages/demo-model");

const home = temporaryFolder("eval");
beforeAll(async () => {
  await makeTree();
});

/** 120 pictures of 16 of the demo model's classes: PNG and JPEG, large and small, tall and wide. */
async function makeTree(): Promise<void> {
  const sources = ["samples", "fixtures/eval"].flatMap((folder) =>
    readdirSync(join(demo, folder)).map((name) => join(demo, folder, name)),
  );
  expect(sources).toHaveLength(16);
  for (let i = 0; i < 120; i++) {
    const source = sources[i % sources.length]!;
    const folder = join(home, "tree", basename(source, ".png").replace(/^\d+_/, ""));
    mkdirSync(folder, { recursive: true });
    if (i % 3 === 0) cpSync(source, join(folder, `${i}.png`));
    else {
      const [width, height] = i % 3 === 1 ? [300, 200] : [90, 120];
      await sharp(source)
        .resize(width, height, { fit: "fill" })
        .jpeg()
        .toFile(join(folder, `${i}.jpg`));
    }
  }
}

const evaluate = (...args: string[]) => runPptVit(home, ["eval", ...args]);

const settings = ["--backend", "onnx-cpu", "--batch", "2"];

/** A result without the fields that may differ between two runs. */
function resultOf(file: string) {
  const { run: facts, ...result } = JSON.parse(readFileSync(join(home, file), "utf8"));
  expect(facts.seconds.total).toBeGreaterThan(0);
  return JSON.stringify(result);
}

const linesOf = (file: string) => readFileSync(join(home, file), "utf8").split("\n").length - 1;

/** Starts an evaluation, and kills it once its journal has `lines` lines, whatever it is doing. */
function killAfter(lines: number, out: string): Promise<NodeJS.Signals | null> {
  const journal = `${out}.journal.jsonl`;
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, "eval", "tree", ...settings, "-o", out], {
      cwd: home,
      stdio: "ignore",
    });
    const watcher = watch(home, (_, name) => {
      if (name === journal && linesOf(journal) >= lines) child.kill("SIGKILL");
    });
    child.on("close", (_, signal) => {
      watcher.close();
      resolve(signal);
    });
  });
}

describe("an evaluation", () => {
  test("killed three times and resumed gives what an uninterrupted one gives, and so do shards", {
    timeout: 300_000,
  }, async () => {
    const whole = await evaluate("tree", ...settings, "-o", "whole.json", "--report", "whole.html");
    expect(whole.code, whole.stderr).toBe(0);
    expect(whole.stdout).toContain("120 pictures of 16 classes, model demo on onnx-cpu, tokens 197 -> 147 -> 97 -> 49");
    expect(whole.stdout).toMatch(/waiting for decoding \d+\.\d\d % of the time/);
    expect(readFileSync(join(home, "whole.html"), "utf8")).toContain("<h2>Classes</h2>");
    const report = JSON.parse(readFileSync(join(home, "whole.json"), "utf8"));
    expect(report.summary).toMatchObject({ pictures: 120, failed: 0 });
    expect(report.summary.agreement.share).toBeGreaterThan(0.9);
    expect(report.summary.unreduced.top5).toBeGreaterThan(0.9);
    expect(report.gmacs.reduced).toBeCloseTo(0.798, 3);
    expect(linesOf("whole.json.journal.jsonl")).toBe(61);

    for (let i = 0, lines = 1; i < 3; i++) {
      lines += 1 + Math.floor(10 * Math.random());
      expect(await killAfter(lines, "killed.json")).toBe("SIGKILL");
      expect(linesOf("killed.json.journal.jsonl")).toBeLessThan(61);
      expect(readdirSync(home)).not.toContain("killed.json");
      lines = linesOf("killed.json.journal.jsonl");
    }
    const resumed = await evaluate("tree", ...settings, "-o", "killed.json");
    expect(resumed.stderr).toMatch(/going on with killed\.json\.journal\.jsonl: \d+ of 60 batches are done/);
    expect(resultOf("killed.json")).toBe(resultOf("whole.json"));

    for (const shard of ["1/3", "2/3", "3/3"])
      expect((await evaluate("tree", ...settings, "--shard", shard, "-o", `shard-${shard[0]}.json`)).code).toBe(0);
    const merged = await evaluate("merge", "shard-3.json", "shard-1.json", "shard-2.json", "-o", "merged.json");
    expect(merged.code, merged.stderr).toBe(0);
    expect(resultOf("merged.json")).toBe(resultOf("whole.json"));

    // Once finished, the same call only reads its journal. Other settings are refused, with the setting that differs.
    const again = await evaluate("tree", ...settings, "-o", "whole.json");
    expect(again.code).toBe(0);
    expect(resultOf("whole.json")).toBe(resultOf("merged.json"));
    const other = await evaluate(
      "tree",
      "--backend",
      "onnx-cpu",
      "--batch",
      "4",
      "--threshold",
      "pool",
      "-o",
      "whole.json",
    );
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(
      /made for other settings .*"threshold":0\.001\} there, .*"threshold":"pool"\} here; batch 2 there, 4 here/,
    );
    const part = await evaluate("merge", "shard-1.json", "shard-3.json", "-o", "part.json");
    expect(part.stderr).toContain("of 3 shards, 2 are missing");
    expect(part.code).toBe(2);
  });

  test("lists what cannot be read and counts the rest; labels come from a file, too", async () => {
    const samples = join(demo, "samples");
    cpSync(samples, join(home, "some"), { recursive: true });
    writeFileSync(join(home, "some", "broken.png"), readFileSync(join(samples, "000_dog.png")).subarray(0, 2000));
    writeFileSync(join(home, "some", "empty.jpg"), "");
    await sharp(join(samples, "000_dog.png"))
      .resize(2000, 9)
      .png()
      .toFile(join(home, "some", "wide.png"));
    writeFileSync(
      join(home, "some", "labels.csv"),
      "file,label\n000_dog.png,dog\nbroken.png,cat\nempty.jpg,cat\n001_cat.png,Cat\nmissing.png,cat\nwide.png,dog\n039_umbrella.png,umbrella\n",
    );
    const { code, stdout, stderr } = await evaluate("some/labels.csv", "--json", "--no-agreement", ...settings);
    expect(code).toBe(1);
    const { summary, failures, classes, classesWithoutPictures, pictures } = JSON.parse(stdout);
    expect(summary).toMatchObject({ pictures: 7, failed: 3 });
    expect(summary).not.toHaveProperty("agreement");
    expect(failures.map(({ file, code }: { file: string; code: string }) => [file, code])).toEqual([
      ["broken.png", "INVALID_IMAGE"],
      ["empty.jpg", "INVALID_IMAGE"],
      ["missing.png", "NOT_FOUND"],
    ]);
    expect(stderr).toContain("empty.jpg: the file is empty [INVALID_IMAGE]");
    // Classes have the same names as in classify.
    const right = pictures.filter(({ rank }: { rank: number }) => rank === 0).map(({ file }: { file: string }) => file);
    expect(right).toEqual(expect.arrayContaining(["000_dog.png", "001_cat.png", "039_umbrella.png"]));
    expect(classes.map(({ name, pictures, failed }: Record<string, unknown>) => [name, pictures, failed])).toEqual([
      ["dog", 2, 0],
      ["cat", 4, 3],
      ["umbrella", 1, 0],
    ]);
    expect(classesWithoutPictures).toHaveLength(45);
  });

  test("takes a share of the pictures from all classes, and knows identifiers from a file", async () => {
    cpSync(join(home, "tree", "dog"), join(home, "wordnet", "n02084071"), { recursive: true });
    cpSync(join(home, "tree", "cat"), join(home, "wordnet", "n02121808"), { recursive: true });
    writeFileSync(join(home, "classes.txt"), "n02084071 dog\nn02121808 cat\n");
    const { code, stdout, stderr } = await evaluate(
      ...["wordnet", "--classes", "classes.txt", "--limit", "2", "--no-ppt", "--json", ...settings],
    );
    expect(code, stderr).toBe(0);
    const { pictures, settings: used } = JSON.parse(stdout);
    expect(pictures.map(({ label }: { label: number }) => label)).toEqual([0, 1]);
    expect(used).toMatchObject({ reduction: null, agreement: false, limit: 2 });
    expect((await evaluate("wordnet")).stderr).toContain("WordNet identifiers: give the file that explains them");
  });
});

describe("precisions of the weights", () => {
  const compared = ["--compare-dtype", "fp32,q8", "-b", "onnx-cpu", "--batch", "2", "--json"];

  test("are compared with fp32, and an evaluation that was interrupted goes on with them", async () => {
    const args = ["tree", ...compared, "--no-agreement", "--limit", "6", "-o", "dtypes.json"];
    const whole = await evaluate(...args, "--report", "dtypes.html");
    expect(whole.code, whole.stderr).toBe(0);
    const { settings: used, summary, run } = JSON.parse(whole.stdout);
    expect(used).toMatchObject({ compareDtypes: ["q8"], agreement: false });
    // The three stages decide about each of six pictures.
    expect(summary.dtypes.q8).toMatchObject({ answers: { same: 6 }, decisions: { of: 18 } });
    expect(summary.dtypes.q8.accuracy).toMatchObject({ top1: summary.top1 });
    // The 8-bit model answers a little otherwise. If it did not, the floats would have been compared with themselves.
    expect(summary.dtypes.q8.divergence.mean).toBeGreaterThan(1e-9);
    expect(summary.dtypes.q8.divergence.mean).toBeLessThan(0.01);
    expect(run.picturesPerSecond.dtypes.q8).toBeGreaterThan(0);
    expect(readFileSync(join(home, "dtypes.html"), "utf8")).toContain("<td>same decisions as fp32</td>");

    const before = resultOf("dtypes.json");
    const journal = join(home, "dtypes.json.journal.jsonl");
    writeFileSync(journal, `${readFileSync(journal, "utf8").split("\n").slice(0, 2).join("\n")}\n{`);
    const resumed = await evaluate(...args);
    expect(resumed.stderr).toContain("1 of 3 batches are done");
    expect(resultOf("dtypes.json")).toBe(before);
  });

  test("are compared by embeddings where a model has no classifier, and its pictures need no labels", async () => {
    const clip = join(root, "packages/pipeline/fixtures/clip");
    const { code, stdout, stderr } = await evaluate("tree/dog", ...compared, "-m", clip, "--no-ppt");
    expect(code, stderr).toBe(0);
    const { settings: used, summary, classes, pictures } = JSON.parse(stdout);
    expect(used).toMatchObject({ labelled: false, reduction: null });
    expect(summary.dtypes.q8.cosine.p1).toBeGreaterThan(0.9);
    expect(summary.dtypes.q8.cosine.mean).toBeLessThan(1);
    expect({ classes, top1: summary.top1, failed: summary.failed }).toEqual({ classes: [], top1: null, failed: 0 });
    expect(pictures[0]).not.toHaveProperty("label");
  });
});

/** Starts an evaluation, and returns it once its journal has a line of a batch. */
async function started(
  out: string,
): Promise<{ pid: number; end(signal: NodeJS.Signals): Promise<NodeJS.Signals | null> }> {
  const child = spawn(process.execPath, [main, "eval", "tree", ...settings, "-o", out], { cwd: home, stdio: "ignore" });
  const closed = new Promise<NodeJS.Signals | null>((resolve) => child.on("close", (_, signal) => resolve(signal)));
  const journal = `${out}.journal.jsonl`;
  await new Promise<void>((resolve) => {
    const watcher = watch(home, (_, name) => {
      if (name !== journal || linesOf(journal) < 2) return;
      watcher.close();
      resolve();
    });
  });
  return {
    pid: child.pid!,
    end(signal) {
      child.kill(signal);
      return closed;
    },
  };
}

describe("the backend of an evaluation", () => {
  const few = ["-m", "demo", "--limit", "4", "--no-agreement"];
  const backendOf = (name: string) => JSON.parse(readFileSync(join(home, name), "utf8")).settings.backend;

  test("is recorded as the one that was taken, and taken again by an evaluation that goes on", async () => {
    const first = await evaluate("tree", ...few, "-o", "auto.json");
    expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: automatic });
    expect(backendOf("auto.json")).toBe("onnx-cpu");

    expect((await evaluate("tree", ...few, "-b", "cpu", "-o", "cpu.json")).code).toBe(0);
    const again = await evaluate("tree", ...few, "-o", "cpu.json");
    expect(again.code).toBe(0);
    expect(again.stderr).toContain("cpu.json.journal.jsonl was begun on backend cpu, which is taken again");
    expect(again.stderr).not.toContain("(auto)");
    expect(backendOf("cpu.json")).toBe("cpu");

    const other = await evaluate("tree", ...few, "-b", "onnx-cpu", "-o", "cpu.json");
    expect(other.code).toBe(2);
    expect(other.stderr).toContain(
      'backend "cpu" there, "onnx-cpu" here. Pass --backend cpu to go on with it, choose another --out, or remove the file',
    );
  });

  test("goes on in the precision in which it was begun", async () => {
    expect((await evaluate("tree", ...few, "-b", "onnx-cpu", "--dtype", "q8", "-o", "q8.json")).code).toBe(0);
    expect(JSON.parse(readFileSync(join(home, "q8.json"), "utf8")).settings.dtype).toBe("q8");
    const floats = await evaluate("tree", ...few, "-b", "onnx-cpu", "-o", "q8.json");
    expect(floats.code).toBe(2);
    expect(floats.stderr).toContain('dtype "q8" there, null here');
  });

  test("is the same for all shards", async () => {
    expect((await evaluate("tree", ...few, "--shard", "1/2", "-b", "cpu", "-o", "one.json")).code).toBe(0);
    expect((await evaluate("tree", ...few, "--shard", "2/2", "-o", "two.json")).code).toBe(0);
    const merged = await evaluate("merge", "one.json", "two.json", "-o", "both.json");
    expect(merged.code).toBe(2);
    expect(merged.stderr).toContain(
      'two.json is of another evaluation than one.json: backend "cpu" there, "onnx-cpu" here',
    );
  });
});

describe("two evaluations to one file", () => {
  const lock = "same.json.journal.jsonl.lock";
  const again = () => evaluate("tree", "--limit", "2", ...settings, "-o", "same.json");

  test("are refused while the first lives, and the journal of one that was killed is taken over", async () => {
    const first = await started("same.json");
    const { code, stderr } = await again();
    expect(stderr).toMatch(
      new RegExp(
        `^${noModel}ppt-vit: same\\.json is being written by process ${first.pid} on \\S+ since \\S+: wait for its end, or choose another --out\\. If it does not run any more, remove same\\.json\\.journal\\.jsonl\\.lock \\[INVALID_OPTION\\]\n$`,
      ),
    );
    expect(code).toBe(2);
    expect(await first.end("SIGKILL")).toBe("SIGKILL");
    expect(readdirSync(home)).toContain(lock);
    // The lock was taken over. The refusal of the other limit proves it, because only the holder of the lock can find
    // that out.
    expect((await again()).stderr).toContain("was made for other settings");
    expect(readdirSync(home)).not.toContain(lock);
  });

  test("leave no lock when a signal ends them", async () => {
    const first = await started("ended.json");
    expect(readdirSync(home)).toContain("ended.json.journal.jsonl.lock");
    expect(await first.end("SIGTERM")).toBe("SIGTERM");
    expect(readdirSync(home)).not.toContain("ended.json.journal.jsonl.lock");
  });
});

describe("a wrong call ends with code 2 and says what to do", () => {
  beforeAll(() => {
    mkdirSync(join(home, "empty"));
    mkdirSync(join(home, "nothing", "dog"), { recursive: true });
    mkdirSync(join(home, "unknown", "unicorn"), { recursive: true });
    cpSync(join(home, "tree", "dog"), join(home, "unknown", "unicorn"), { recursive: true });
    writeFileSync(join(home, "other.json"), "{}");
    writeFileSync(join(home, "taken.json.journal.jsonl"), "a diary\n");
    cpSync(join(demo, "model"), join(home, "other-size"), { recursive: true });
    const preprocessor = join(home, "other-size", "preprocessor_config.json");
    const size = { size: { height: 256, width: 256 } };
    writeFileSync(preprocessor, JSON.stringify({ ...JSON.parse(readFileSync(preprocessor, "utf8")), ...size }));
  });

  test.each([
    [["empty"], "empty: an empty dataset: expected a folder of pictures for each class"],
    [["nothing"], "nothing: no pictures (.jpg"],
    [["missing"], "missing: cannot be read (ENOENT) [NOT_FOUND]"],
    [["unknown"], 'unknown: 1 of 1 label matches no class of the model: "unicorn". The model has 48 classes, 0 to 47'],
    [["tree", "--shard", "3/2"], "expected I/N, as in 1/8 to 8/8"],
    [["tree", "--shard", "0/2"], "expected I/N, as in 1/8 to 8/8"],
    [
      ["tree", "--model", join(root, "packages/pipeline/fixtures/clip"), "--no-ppt"],
      "has no classifier, and so no answers",
    ],
    [["tree", "--compare-dtype", "q9"], "'q9' is none of q8, q4"],
    [["tree", "--compare-dtype", "q8,q8"], "'q8' is there twice"],
    [["tree", "--compare-dtype", "fp32"], "fp32 is what the others are compared with"],
    [["tree", "--compare-dtype", "q8", "--dtype", "q8"], "--dtype q8 asks for another one: leave --dtype out"],
    [["tree", "--no-labels", "--no-ppt"], "--no-labels leaves nothing to measure without a reduction"],
    [["tree", "--no-labels", "--no-agreement"], "leave --no-agreement out, or name precisions"],
    [
      ["tree", "--no-labels", "--no-agreement", "--reduction", "deit-small-paper,deit-small-paper.json"],
      "leave --no-agreement out",
    ],
    [["tree", "--no-labels", "--compare-dtype", "q8", "--classes", "x"], "--classes explains labels"],
    [["tree", "--limit", "0"], "expected a whole number of at least 1"],
    [["tree", "--no-ppt", "--threshold", "pool"], "--no-ppt contradicts the reduction options"],
    [["tree", "--backend", "gpu"], "unknown backend 'gpu'"],
    [["tree", "--model", "./other-size"], "does not make all pictures 224 x 224 pixels, which config.json asks for"],
    [["tree", "--layers", "12"], "layer 12 does not exist"],
    [["tree", "--reduction", "missing.json,deit-small-paper"], "missing.json: cannot be read (ENOENT) [NOT_FOUND]"],
    [["tree", "--reduction", "deit-small-paper,deit-small-paper"], "'deit-small-paper' is there twice"],
    [["tree", "--reduction", ","], "expected one or more names or files"],
    [
      ["tree", "--reduction", "deit-small-paper,deit-tiny-paper", "--layers", "3,99"],
      "deit-small-paper: reduction: layer 99 does not exist",
    ],
    [
      ["tree", "--reduction", "deit-small-paper,deit-tiny-paper", "--compare-dtype", "q8"],
      "--reduction names several: name one, or leave --compare-dtype out",
    ],
    [
      ["tree", "-o", "nowhere/x.json"],
      "nowhere/x.json: its folder does not exist: make it, or choose another --out (ENOENT) [WRITE_FAILED]",
    ],
    [["tree", "-o", "x.json", "--report", "nowhere/x.html"], "nowhere/x.html: its folder does not exist"],
    [["tree", "-o", "empty"], "empty: is a folder, not a file: choose another --out (EISDIR) [WRITE_FAILED]"],
    [["tree", "-o", "x.json", "--report", "tree/../x.json"], "would replace what --out x.json holds"],
    [["tree", "--classes", "other.json", "-o", "./other.json"], "would replace other.json, which is read"],
    [["merge", "other.json", "-o", "other.json"], "would replace other.json, which is read"],
    [
      ["merge", "other.json", "-o", "y.json", "--report", "nowhere/y.html"],
      "nowhere/y.html: its folder does not exist",
    ],
    [["tree", "-o", "taken.json"], "taken.json.journal.jsonl: line 1 is not of a journal of ppt-vit eval"],
    [["merge", "other.json", "-o", "x.json"], "other.json: not a result of ppt-vit eval"],
    [["merge", "gone.json", "-o", "x.json"], "gone.json: cannot be read (ENOENT)"],
    [["merge", "other.json"], "required option '-o, --out <file>' not specified"],
  ])("%j", async (args, says) => {
    const { code, stdout, stderr } = await evaluate(...args);
    expect(stderr).toContain(says);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });
});

/** Tests the command line as users call it, as a real process of the built package. */
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { automatic, cat, demoModel, dog, main, noModel, runPptVit, temporaryFolder } from "./built.js";

const home = temporaryFolder("cli");

const pptVit = (...args: string[]) => runPptVit(home, args);

/** A copy of the demo model with some files changed. */
function modelWith(name: string, change: (folder: string) => void): string {
  const folder = join(home, name);
  cpSync(demoModel, folder, { recursive: true });
  change(folder);
  return folder;
}

const editJson = (path: string, change: object) =>
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...change }));

describe("classify", () => {
  test("prints one JSON document", async () => {
    const { code, stdout, stderr } = await pptVit("classify", "--json", "--top", "2", dog, cat);
    expect({ code, stderr }).toEqual({ code: 0, stderr: noModel + automatic });
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      model: "demo",
      backend: "onnx-cpu",
      reduction: { layers: [3, 6, 9], tokensRemoved: 50, threshold: 0.001 },
      failures: [],
    });
    expect(report.gmacs.unreduced).toBeCloseTo(1.254, 3);
    expect(report.gmacs.reduced).toBeCloseTo(0.798, 3);
    expect(report.images).toHaveLength(2);
    const [first] = report.images;
    expect(first).toMatchObject({ file: dog, tokens: [197, 147, 97, 49] });
    expect(first.labels).toHaveLength(2);
    // As recorded in the model's expected.json: 0.918536, pool, prune, pool.
    expect(first.labels[0]).toMatchObject({ label: "dog", index: 0 });
    expect(first.labels[0].probability).toBeCloseTo(0.918536, 3);
    expect(first.stages.map((stage: { policy: string }) => stage.policy)).toEqual(["pool", "prune", "pool"]);
    expect(first.stages[0].variance).toBeCloseTo(0.0003611, 6);
    expect(first.latencyMs).toBeGreaterThan(0);
  });

  test("prints labels for people", async () => {
    const { code, stdout } = await pptVit("classify", "--top", "1", dog);
    expect(code).toBe(0);
    expect(stdout).toContain("tokens 197 -> 147 -> 97 -> 49, 1.25 -> 0.80 GMACs");
    expect(stdout).toMatch(/9\d\.\d % {2}dog/);
    expect(stdout).toContain("1 classified, 0 failed");
  });

  test("runs unreduced, and with settings of the caller's", async () => {
    const unreduced = JSON.parse((await pptVit("classify", "--json", "--no-ppt", dog)).stdout);
    expect(unreduced).toMatchObject({ reduction: null, images: [{ tokens: [197], stages: [] }] });
    const args = [
      "--layers",
      "2,4",
      "--tokens-removed",
      "20,30",
      "--threshold",
      "prune",
      "--no-proportional-attention",
    ];
    const set = JSON.parse((await pptVit("classify", "--json", ...args, "--batch", "2", dog, cat)).stdout);
    expect(set.reduction).toEqual({
      layers: [2, 4],
      tokensRemoved: [20, 30],
      threshold: "prune",
      proportionalAttention: false,
    });
    expect(set.images[1].tokens).toEqual([197, 177, 147]);
    const scaleFree = JSON.parse((await pptVit("classify", "--json", "--threshold", "scale-free:2.69", dog)).stdout);
    expect(scaleFree.reduction.threshold).toEqual({ scaleFree: 2.69 });
  });

  test("takes weights in 8 bits, and says so", async () => {
    const { dtype, images } = JSON.parse((await pptVit("classify", "--json", "--dtype", "q8", dog)).stdout);
    expect([dtype, images[0].labels[0].label]).toEqual(["q8", "dog"]);
    const { stdout } = await pptVit("classify", "--dtype", "q8", "-b", "onnx-wasm", dog);
    expect(stdout).toContain("on onnx-wasm in q8, tokens 197 -> 147 -> 97 -> 49");
    const unknown = await pptVit("classify", "--dtype", "q5", dog);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain("Allowed choices are fp32, q8, q4");
  });

  test("classifies the good pictures of a folder and lists the bad ones", async () => {
    const folder = join(home, "mixed");
    mkdirSync(join(folder, "below"), { recursive: true });
    cpSync(dog, join(folder, "b.png"));
    cpSync(cat, join(folder, "below", "c.PNG"));
    writeFileSync(join(folder, "a.png"), "no picture");
    writeFileSync(join(folder, "empty.jpg"), "");
    writeFileSync(join(folder, "notes.txt"), "not looked at");
    const { code, stdout, stderr } = await pptVit("classify", "--json", folder);
    expect(code).toBe(1);
    const report = JSON.parse(stdout);
    expect(report.images.map(({ file }: { file: string }) => file)).toEqual([
      join(folder, "b.png"),
      join(folder, "below", "c.PNG"),
    ]);
    expect(report.failures.map(({ file, code }: { file: string; code: string }) => [file, code])).toEqual([
      [join(folder, "a.png"), "INVALID_IMAGE"],
      [join(folder, "empty.jpg"), "INVALID_IMAGE"],
    ]);
    expect(stderr).toContain("empty.jpg: the file is empty");
  });

  test("reports an empty folder and a missing file, and goes on", async () => {
    const empty = join(home, "empty");
    mkdirSync(empty);
    const { code, stdout } = await pptVit("classify", "--json", empty, join(home, "missing.png"), dog);
    expect(code).toBe(1);
    const report = JSON.parse(stdout);
    expect(report.images).toHaveLength(1);
    expect(report.failures.map((failure: { code: string }) => failure.code)).toEqual(["NOT_FOUND", "NOT_FOUND"]);
  });
});

test("a reader that closes the pipe is no failure", async () => {
  const { stderr, code } = await new Promise<{ stderr: string; code: number | null }>((resolve) => {
    const child = spawn(process.execPath, [main, "classify", "--top", "1", dog, cat, dog, cat]);
    let stderr = "";
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.stdout.once("data", () => child.stdout.destroy());
    child.on("close", (code) => resolve({ stderr, code }));
  });
  expect({ stderr, code }).toEqual({ stderr: noModel + automatic, code: 0 });
});

describe("a wrong call ends with code 2 and says what to do", () => {
  test.each([
    { args: ["--backend", "gpu"], says: "unknown backend 'gpu'; available: cpu" },
    { args: ["--model", "demos"], says: "write ./demos for a folder" },
    { args: ["--model", "./no-such-folder"], says: "cannot be read (ENOENT)" },
    { args: ["--layers", "3,12"], says: "layer 12 does not exist: the model has 12 blocks" },
    { args: ["--layers", "6,3"], says: "layers must ascend" },
    { args: ["--layers", "x"], says: "expected a whole number" },
    { args: ["--tokens-removed", "-5"], says: "expected a whole number of at least 0" },
    { args: ["--tokens-removed", "5,5"], says: "tokensRemoved has 2 entries for 3 layers" },
    { args: ["--threshold", "NaN"], says: "expected a number of at least 0" },
    { args: ["--threshold", ""], says: "expected a number of at least 0" },
    { args: ["--top", "0"], says: "expected a whole number of at least 1" },
    { args: ["--no-ppt", "--threshold", "pool"], says: "--no-ppt contradicts the reduction options (threshold)" },
    { args: ["--nonsense"], says: "unknown option '--nonsense'" },
  ])("$args", async ({ args, says }) => {
    const { code, stdout, stderr } = await pptVit("classify", ...args, dog);
    expect(stderr).toContain(says);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  test.each([["info"], ["export", "--out", "x", "--model"], ["classify", "picture.png", "--model"]])(
    "%s names a folder that looks like a model of the Hub",
    async (...args) => {
      mkdirSync(join(home, "org/mine"), { recursive: true });
      const { code, stderr } = await pptVit(...args, "org/mine", "--offline", "--cache-dir", "cache");
      expect(stderr).toMatch(/\(a folder .?org\/mine.? exists here: write \.\/org\/mine for it\) \[NOT_FOUND\]/);
      expect(code).toBe(2);
    },
  );

  test("no pictures, no command, an unknown command", async () => {
    expect((await pptVit("classify")).code).toBe(2);
    expect((await pptVit()).code).toBe(2);
    expect((await pptVit("clasify")).code).toBe(2);
  });

  test("broken models", async () => {
    const heads = modelWith("heads", (folder) => editJson(join(folder, "config.json"), { num_attention_heads: 5 }));
    const cut = modelWith("cut", (folder) => {
      const path = join(folder, "model.safetensors");
      writeFileSync(path, readFileSync(path).subarray(0, 5000));
    });
    for (const [folder, says] of [
      [heads, "num_attention_heads 5 does not divide hidden_size 192 [INVALID_CONFIG]"],
      [cut, "[INVALID_SAFETENSORS]"],
    ]) {
      const { code, stderr } = await pptVit("classify", "--model", folder!, dog);
      expect(stderr).toContain(says);
      expect(code).toBe(2);
    }
  });
});

test("demo shows both runs side by side", async () => {
  const { code, stdout, stderr } = await pptVit("demo");
  expect({ code, stderr }).toEqual({ code: 0, stderr: automatic });
  expect(stdout).toContain("tokens 197 -> 147 -> 97 -> 49, GMACs 1.254 -> 0.798 (-36 %)");
  expect(stdout).toMatch(/000_dog\.png +dog \d+\.\d % +dog \d+\.\d % +pool, prune, pool/);
  expect(stdout).toContain("same label on 12 of 12 pictures");
  const times = /median time an image: (\d+\.\d) ms unreduced, (\d+\.\d) ms with PPT: (\d+\.\d\d) times as fast/.exec(
    stdout,
  )!;
  const [before, after, ratio] = times.slice(1).map(Number) as [number, number, number];
  expect(ratio).toBe(Number((before / after).toFixed(2)));
  const [, picture] = /^what was pruned .* in 4 of the pictures: (.+\.png)$/m.exec(stdout)!;
  expect(readFileSync(picture!).subarray(1, 4).toString()).toBe("PNG");
  rmSync(dirname(picture!), { recursive: true });
});

test("demo draws to the file that is asked for, or says which names it takes", async () => {
  const { code, stdout } = await pptVit("demo", "--backend", "cpu", "--out", "demo.html");
  expect(code).toBe(0);
  expect(stdout).toMatch(/: demo\.html$/m);
  expect(readFileSync(join(home, "demo.html"), "utf8")).toContain("000_dog.png");
  const refused = await pptVit("demo", "--out", "demo.gif");
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toContain("expected a name that ends with .png");
});

test("the demo model is taken without a word where it is asked for", async () => {
  const { stderr } = await pptVit("classify", "--model", "demo", "--backend", "cpu", dog);
  expect(stderr).toBe("");
});

test("--version and --help", async () => {
  const { version } = JSON.parse(
    readFileSync(fileURLToPath(new URL("../packages/cli/package.json", import.meta.url)), "utf8"),
  );
  expect((await pptVit("--version")).stdout.trim()).toBe(version);
  const help = await pptVit("classify", "--help");
  expect(help.code).toBe(0);
  for (const option of [
    "--model",
    "--backend",
    "--no-ppt",
    "--layers",
    "--tokens-removed",
    "--threshold",
    "--top",
    "--batch",
    "--json",
  ])
    expect(help.stdout).toContain(option);
});

/** Tests `ppt-vit depth`, and what other commands say about a depth model, as a real process of the built package. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromPretrained, renderDepth } from "@ppt-vit/pipeline";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { makeDepthFolder } from "../packages/pipeline/test/depth-folder.js";
import { root } from "../scripts/workspace.mjs";
import { dog, runPptVit, temporaryFolder } from "./built.js";

const home = temporaryFolder("depth");
const picture = join(root, "packages/pipeline/fixtures/picture.png");
const model = join(home, "model");
beforeAll(() => makeDepthFolder(model));

const pptVit = (...args: string[]) => runPptVit(home, args);
const depth = (...args: string[]) => pptVit("depth", "-m", model, "-b", "cpu", ...args);
const reduction = ["--layers", "1", "--tokens-removed", "25%"];

describe("depth", () => {
  test("writes a grey picture of 16 bits, and tells what its ends mean", async () => {
    const { code, stdout } = await depth("--no-ppt", picture);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /depth\.png {2}61 x 47, from \S+ \(farthest\) to \S+ \(nearest\)\n {2}81 tokens\n1 estimated, 0 failed/,
    );
    const options = { task: "depth-estimation", backend: "cpu", reduction: false } as const;
    const estimator = await fromPretrained(model, options);
    const { predicted_depth } = await estimator.estimateDepth(picture);
    await estimator.dispose();
    expect(readFileSync(join(home, "depth.png"))).toEqual(Buffer.from(await renderDepth(predicted_depth, "grey16")));
  });

  test("writes several pictures into a folder, and names those that it cannot read", async () => {
    const folder = join(home, "mixed");
    mkdirSync(folder);
    copyFileSync(picture, join(folder, "one.png"));
    copyFileSync(dog, join(folder, "two.png"));
    writeFileSync(join(folder, "bad.png"), "no picture");
    const out = join(home, "made", "maps");
    const args = ["--colour", "--batch", "4", "--json", "-o", out, folder, join(folder, "one.png")];
    const { code, stdout, stderr } = await depth(...reduction, ...args);
    expect(code).toBe(1);
    expect(stderr).toContain("bad.png: ");
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ format: "colour", depthKind: "relative", failures: [{ code: "INVALID_IMAGE" }] });
    const written = ["one-depth.png", "two-depth.png", "one-depth-2.png"];
    expect(report.images.map((image: { out: string }) => image.out)).toEqual(written.map((name) => join(out, name)));
    expect(readdirSync(out).sort()).toEqual([...written].sort());
    const [one] = report.images;
    expect(one).toMatchObject({ file: join(folder, "one.png"), width: 61, height: 47, patches: [8, 10] });
    expect(one.stages.map(({ tokensIn, tokensOut }: Record<string, number>) => [tokensIn, tokensOut])).toEqual([
      [81, 61],
    ]);
    expect(one.maximum).toBeGreaterThan(one.minimum);
    expect(await sharp(join(out, "one-depth.png")).metadata()).toMatchObject({ width: 61, height: 47, channels: 3 });
  });

  test("works as a job with --table: maps by their place, and a row for each picture", async () => {
    const args = ["--no-ppt", "--table", "jsonl", "-o", join(home, "job")];
    const inputs = [picture, join(home, "missing.png"), dog];
    expect((await depth(...args, ...inputs)).code).toBe(0);
    const [first, missing, second] = readFileSync(join(home, "job/part-000000.jsonl"), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(first).toMatchObject({ path: picture, error: null, map: "maps/000000000.png", width: 61, height: 47 });
    expect(missing).toMatchObject({ map: null, error: expect.stringContaining("cannot be read (ENOENT) [NOT_FOUND]") });
    expect(second.map).toBe("maps/000000002.png");
    expect((await depth("--no-ppt", "-o", join(home, "one.png"), picture)).code).toBe(0);
    expect(readFileSync(join(home, "job", first.map))).toEqual(readFileSync(join(home, "one.png")));
    expect(readdirSync(join(home, "job/maps"))).toHaveLength(2);
    expect(await pptVit("check", join(home, "job"))).toMatchObject({ code: 0 });
  });

  test("writes the values for NumPy, at the size of the model if that is asked for", async () => {
    const sizes = ["--image-size", "24x32", "--interpolation", "none"];
    const { code, stderr } = await depth("--no-ppt", "--verify", ...sizes, "-o", "map.npy", picture);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(readFileSync(join(home, "map.npy")).toString("latin1", 0, 80)).toContain("'shape': (24, 32)");
  });

  test.each([
    {
      args: ["-m", "demo"],
      says: "demo: has no depth head: load it with task 'image-classification' (ppt-vit classify)",
    },
    { args: ["-o", "map.jpg"], says: "--out map.jpg: expected a folder, or a name that ends with .png" },
    { args: ["-o", "map.png", dog], says: "--out map.png names one file, and 2 pictures are given: name a folder" },
    { args: ["-o", picture], says: "would replace" },
    { args: ["--colour", "--format", "npy"], says: "--colour contradicts --format npy" },
    { args: ["-o", "new/", "--layers", "9"], says: "layer 9 does not exist" },
  ])("a wrong call ends with code 2, says what to do, and leaves nothing behind: $args", async ({ args, says }) => {
    const before = readdirSync(home);
    const { code, stdout, stderr } = await depth(...args, picture);
    expect(stderr).toContain(says);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(readdirSync(home)).toEqual(before);
  });
});

describe("a depth model", () => {
  test("is compared with the unreduced one by eval, which needs no labels", async () => {
    const folder = join(home, "unlabelled");
    mkdirSync(folder);
    copyFileSync(picture, join(folder, "one.png"));
    copyFileSync(dog, join(folder, "two.png"));
    const { code, stdout, stderr } = await pptVit("eval", folder, "-m", model, "-b", "cpu", ...reduction, "--json");
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const { summary, settings } = JSON.parse(stdout);
    expect(settings).toMatchObject({ labelled: false, agreement: true });
    const { mean, p99 } = summary.difference.depthError;
    expect(mean).toBeGreaterThan(0);
    expect(p99).toBeLessThan(1);
  });

  test.each([
    { call: ["classify", picture], says: "has no classifier: load it with task 'depth-estimation' (ppt-vit depth)" },
    { call: ["embed", picture], says: "has no embedding: load it with task 'depth-estimation' (ppt-vit depth)" },
  ])("is refused by other commands, which name this one: $call.0", async ({ call: [command, input], says }) => {
    const { code, stderr } = await pptVit(command!, "-m", model, "-b", "cpu", input!);
    expect(stderr).toContain(says);
    expect(code).toBe(2);
  });

  test("is drawn by visualize, each picture with its own patches", async () => {
    const { code, stdout } = await pptVit(
      "visualize",
      "-m",
      model,
      "-b",
      "cpu",
      ...reduction,
      "-o",
      "tokens.svg",
      picture,
    );
    expect(code).toBe(0);
    expect(stdout).toBe("wrote tokens.svg: 1 picture, tokens 65 -> 49\n");
    expect(readFileSync(join(home, "tokens.svg"), "utf8").includes("81 → 61 tokens")).toBe(true);
  });

  test("is described by info, before and after its export", async () => {
    const { stdout } = await pptVit("info", model);
    expect(stdout).toContain("head reads the patches after blocks 0, 1, 2, 3");
    expect(stdout).toContain("relative: greater is nearer");
    const made = await pptVit("export", "-m", model, "--out", "onnx", ...reduction, "--dtype", "fp32");
    expect(made.stdout).toMatch(/predicted_depth\n/);
    const preprocessor = JSON.parse(readFileSync(join(home, "onnx", "preprocessor_config.json"), "utf8"));
    expect(preprocessor).toMatchObject({ size: { height: 32, width: 32 }, do_resize: true });
    expect(preprocessor.keep_aspect_ratio).toBeUndefined();
    const exported = await pptVit("info", join(home, "onnx"));
    expect(exported.stdout).toContain("pixel_values -> predicted_depth");
    expect(existsSync(join(home, "onnx", "onnx", "model.onnx"))).toBe(true);
  });
});

/** Tests `ppt-vit embed`, and what it shares with `classify`, as a real process of the built package. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromPretrained } from "@ppt-vit/pipeline";
import { describe, expect, test } from "vitest";
import { root } from "../scripts/workspace.mjs";
import { dog, runPptVit, temporaryFolder } from "./built.js";

const fixtures = join(root, "packages/pipeline/fixtures");
const [vit, clip, picture] = ["vit", "clip", "picture.png"].map((name) => join(fixtures, name)) as [
  string,
  string,
  string,
];

const home = temporaryFolder("embed");

const pptVit = (...args: string[]) => runPptVit(home, args);

const linesOf = (stdout: string): { file: string; embedding: number[] }[] =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("embed", () => {
  test("prints a JSON line for each picture, with the very numbers of the pipeline", async () => {
    const { code, stdout, stderr } = await pptVit("embed", "-m", vit, "-b", "cpu", "--no-ppt", picture, dog);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = linesOf(stdout);
    expect(lines.map(({ file }) => file)).toEqual([picture, dog]);
    const extractor = await fromPretrained(vit, {
      task: "image-feature-extraction",
      backend: "cpu",
      reduction: false,
    });
    for (const { file, embedding } of lines) expect(Float32Array.from(embedding)).toEqual(await extractor.embed(file));
    await extractor.dispose();
  });

  test("pools and normalises as asked, reduced and at another resolution", async () => {
    const reduction = ["--layers", "0,1", "--tokens-removed", "4", "--threshold", "pool"];
    const shape = ["-b", "cpu", "--pooling", "mean", "--normalize", "--image-size", "48x40", "--batch", "2"];
    const { code, stdout } = await pptVit("embed", "-m", vit, ...reduction, ...shape, picture, dog);
    expect(code).toBe(0);
    const extractor = await fromPretrained(vit, {
      task: "image-feature-extraction",
      backend: "cpu",
      reduction: { layers: [0, 1], tokensRemoved: 4, threshold: "pool" },
      imageSize: [48, 40],
    });
    for (const { file, embedding } of linesOf(stdout)) {
      expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
      const expected = await extractor.embed(file, { pooling: "mean", normalize: true });
      expect(Float32Array.from(embedding)).toEqual(expected);
    }
    await extractor.dispose();
  });

  test("embeds the good pictures of a folder and names the bad ones", async () => {
    const folder = join(home, "mixed");
    mkdirSync(folder);
    copyFileSync(picture, join(folder, "good.png"));
    writeFileSync(join(folder, "bad.png"), "no picture");
    const { code, stdout, stderr } = await pptVit("embed", "-m", clip, "--no-ppt", folder, join(home, "missing.png"));
    expect(code).toBe(1);
    expect(linesOf(stdout).map(({ file, embedding }) => [file, embedding.length])).toEqual([
      [join(folder, "good.png"), 24],
    ]);
    expect(stderr).toContain("bad.png: ");
    expect(stderr).toContain("[INVALID_IMAGE]");
    expect(stderr).toContain("missing.png: cannot be read (ENOENT) [NOT_FOUND]");
  });

  test.each([
    { args: ["--pooling", "max"], says: "Allowed choices are class, mean, distilled, attention, projection" },
    { args: ["--pooling", "projection"], says: "has no projection; use" },
    { args: ["--image-size", "384x"], says: "expected pixels as 384, or height x width as 384x288" },
    { args: ["--image-size", "0"], says: "expected pixels as 384" },
    { args: ["--image-size", "7"], says: "patch_size 8x8 is larger than image_size 7x7" },
    { args: ["--no-ppt", "--layers", "0"], says: "--no-ppt contradicts the reduction options" },
    { args: ["--layers", "7"], says: "layer 7 does not exist" },
  ])("a wrong call ends with code 2 and says what to do: $args", async ({ args, says }) => {
    const reduction = args.includes("--layers") ? [] : ["--layers", "0"];
    const { code, stdout, stderr } = await pptVit("embed", "-m", vit, ...reduction, ...args, picture);
    expect(stderr).toContain(says);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });
});

describe("classify", () => {
  test("names pictures by texts, CLIP's own and given ones", async () => {
    const own = JSON.parse((await pptVit("classify", "-m", clip, "--no-ppt", "--json", picture)).stdout);
    expect(own.images[0].labels.map(({ label }: { label: string }) => label)).toEqual(["a teapot", "a dog", "a cat"]);

    const bare = join(home, "bare");
    mkdirSync(bare);
    for (const file of ["config.json", "preprocessor_config.json", "model.safetensors"])
      copyFileSync(join(clip, file), join(bare, file));
    const without = await pptVit("classify", "-m", bare, "--no-ppt", picture);
    expect(without).toMatchObject({ code: 2, stdout: "" });
    expect(without.stderr).toContain("--text-embeddings");
    const texts = ["--text-embeddings", join(clip, "text_embeddings.safetensors")];
    const given = JSON.parse((await pptVit("classify", "-m", bare, "--no-ppt", "--json", ...texts, picture)).stdout);
    expect(given.images[0].labels).toEqual(own.images[0].labels);

    const missing = await pptVit("classify", "-m", bare, "--no-ppt", "--text-embeddings", "nowhere", picture);
    expect(missing).toMatchObject({ code: 2, stdout: "" });
    expect(missing.stderr).toContain("nowhere: cannot be read (ENOENT) [NOT_FOUND]");
  });

  test("runs at another resolution", async () => {
    const args = ["classify", "-m", vit, "--no-ppt", "--json", "--image-size", "48x40", picture];
    expect(JSON.parse((await pptVit(...args)).stdout).images[0].tokens).toEqual([31]);
  });
});

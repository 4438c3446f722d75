/** Tests a real client: transformers.js loads an exported folder, without network and without this project. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DepthEstimationOutput, env, type ImageClassificationPipeline, pipeline } from "@huggingface/transformers";
import { goldenFamilyWeights, goldenUrl } from "@ppt-vit/conformance";
import { fromPretrained, type ImageClassifier } from "@ppt-vit/pipeline";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeDepthFolder } from "../packages/pipeline/test/depth-folder.js";
import { root, run } from "../scripts/workspace.mjs";
import { main, samples } from "./built.js";
import { safetensorsFile } from "./safetensors-file.js";

const pictures = readdirSync(samples)
  .slice(0, 6)
  .map((name) => join(samples, name));

let home: string;
let ours: ImageClassifier;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "ppt-vit-client-"));
  await exported("demo", "demo", "--dtype", "fp32,fp16,q8,q4");
  env.allowRemoteModels = false;
  env.localModelPath = home;
  ours = await fromPretrained("demo");
});
afterAll(async () => {
  await ours.dispose();
  rmSync(home, { recursive: true });
});

async function exported(model: string, out: string, ...options: string[]): Promise<void> {
  const args = [main, "export", "--model", model, "--out", out, ...options];
  const { code, output } = await run(process.execPath, args, { cwd: home });
  expect(code, output).toBe(0);
}

/** Preprocessing that takes the middle of a picture unscaled, so that nothing is resampled. */
const middleOf = (side: number) => ({
  image_processor_type: "ViTImageProcessor",
  do_resize: false,
  do_center_crop: true,
  crop_size: { height: side, width: side },
  do_rescale: true,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
});

/** Copies a fixture of the pipeline, and gives it that preprocessing. */
function middle(fixture: string, side: number): void {
  const model = join(home, fixture);
  cpSync(join(root, "packages/pipeline/fixtures", fixture), model, { recursive: true });
  writeFileSync(join(model, "preprocessor_config.json"), JSON.stringify(middleOf(side)));
}

describe.each([
  // Measured: 1.4e-7 and 1.3e-4. The pictures have the model's size, so nothing is resampled.
  { dtype: "fp32", within: 1e-5 },
  { dtype: "fp16", within: 1e-2 },
  { dtype: "q8", within: 5e-2 },
  { dtype: "q4", within: 3e-1 },
] as const)("transformers.js, $dtype", ({ dtype, within }) => {
  let theirs: ImageClassificationPipeline;
  beforeAll(async () => {
    theirs = await pipeline("image-classification", "demo", { dtype, device: "cpu" });
  });
  afterAll(() => theirs.dispose());

  test("gives the same labels and scores", async () => {
    let largest = 0;
    for (const picture of pictures) {
      const { labels } = await ours.classify(picture, { topK: 48 });
      const probabilities = new Map(labels.map(({ label, probability }) => [label, probability]));
      const answers = (await theirs(picture, { top_k: 48 })) as { label: string; score: number }[];
      expect(answers).toHaveLength(48);
      expect(answers[0]!.label).toBe(labels[0]!.label);
      for (const { label, score } of answers) largest = Math.max(largest, Math.abs(score - probabilities.get(label)!));
    }
    expect(largest).toBeLessThan(within);
  });

  test("takes several pictures at once", async () => {
    const single = (await theirs(pictures[1]!, { top_k: 1 })) as { label: string; score: number }[];
    const several = (await theirs(pictures.slice(0, 3), { top_k: 1 })) as unknown as (typeof single)[];
    expect(several).toHaveLength(3);
    expect(several[1]![0]!.label).toBe(single[0]!.label);
    expect(several[1]![0]!.score).toBeCloseTo(single[0]!.score, dtype === "fp32" ? 4 : 1);
  });
});

describe("image-feature-extraction", () => {
  const extractor = (folder: string, options = {}) =>
    pipeline("image-feature-extraction", folder, { dtype: "fp32", device: "cpu", ...options });
  type Ours = Awaited<ReturnType<typeof fromPretrained<"image-feature-extraction">>>;
  const loaded = (model: string, options = {}): Promise<Ours> =>
    fromPretrained(model, { task: "image-feature-extraction", backend: "onnx-cpu", ...options });

  function expectNear(actual: Iterable<unknown>, expected: Float32Array, within = 1e-5): void {
    const values = Float32Array.from(actual as Iterable<number>);
    expect(values).toHaveLength(expected.length);
    const largest = Math.max(...expected.map(Math.abs));
    expect(Math.max(...expected.map((value, i) => Math.abs(value - values[i]!))) / largest).toBeLessThan(within);
  }

  test("of a classifier gives its tokens and their embedding, of several pictures at once", async () => {
    const theirs = await extractor("demo");
    const mine = await loaded("demo");
    const states = await theirs(pictures.slice(0, 2));
    expect(states.dims).toEqual([2, 49, 192]);
    const pooled = await theirs(pictures.slice(0, 2), { pool: true });
    expect(pooled.dims).toEqual([2, 192]);
    for (const [i, picture] of pictures.slice(0, 2).entries()) {
      const embedding = await mine.embed(picture);
      expectNear(pooled.data.slice(192 * i, 192 * (i + 1)) as Float32Array, embedding);
      // The class token comes first.
      expectNear(states.data.slice(49 * 192 * i, 49 * 192 * i + 192) as Float32Array, embedding);
    }
    await Promise.all([theirs.dispose(), mine.dispose()]);
  });

  test("of an export for this task alone gives, unreduced, the dense features", async () => {
    await exported("demo", "features", "--task", "image-feature-extraction", "--no-ppt", "--dtype", "fp32");
    const theirs = await extractor("features");
    const mine = await loaded("demo", { dense: true, reduction: false });
    const states = await theirs(pictures[0]!);
    expect(states.dims).toEqual([1, 197, 192]);
    const { features, classToken } = await mine.features(pictures[0]!);
    expectNear(states.data as Float32Array, Float32Array.from([...classToken!, ...features]));
    await Promise.all([theirs.dispose(), mine.dispose()]);
  });

  test("of DINOv3, reduced, pools its class token", async () => {
    const model = join(home, "dinov3");
    mkdirSync(model);
    for (const name of ["config.json", "model.safetensors"])
      cpSync(new URL(`modern/dinov3/${name}`, goldenUrl), join(model, name));
    writeFileSync(join(model, "preprocessor_config.json"), JSON.stringify(middleOf(32)));
    const reduction = { layers: [1, 2], tokensRemoved: 12, threshold: "prune" } as const;
    await exported("./dinov3", "dinov3-onnx", "--layers", "1,2", "--tokens-removed", "12", "--threshold", "prune");
    const [theirs, mine] = [await extractor("dinov3-onnx"), await loaded(model, { reduction })];
    // A class token, four registers, and 64 patches less 24.
    expect((await theirs(pictures[0]!)).dims).toEqual([1, 45, 32]);
    expectNear((await theirs(pictures[0]!, { pool: true })).data as Float32Array, await mine.embed(pictures[0]!));
    await Promise.all([theirs.dispose(), mine.dispose()]);
  });

  test("of DINOv2 pools its class token", async () => {
    middle("dinov2", 42);
    await exported("./dinov2", "dinov2-onnx", "--no-ppt", "--dtype", "fp32");
    const [theirs, mine] = [await extractor("dinov2-onnx"), await loaded(join(home, "dinov2"), { reduction: false })];
    expect((await theirs(pictures[0]!)).dims).toEqual([1, 10, 16]);
    expectNear((await theirs(pictures[0]!, { pool: true })).data as Float32Array, await mine.embed(pictures[0]!));
    await Promise.all([theirs.dispose(), mine.dispose()]);
  });

  test("of CLIP gives the image's embedding in the space of its texts", async () => {
    middle("clip", 32);
    await exported("./clip", "clip-onnx", "--no-ppt", "--dtype", "fp32");
    const theirs = await extractor("clip-onnx", { model_file_name: "model" });
    const mine = await loaded(join(home, "clip"), { reduction: false });
    const embeds = await theirs(pictures[0]!);
    expect(embeds.dims).toEqual([1, 24]);
    expectNear(embeds.data as Float32Array, await mine.embed(pictures[0]!));
    await Promise.all([theirs.dispose(), mine.dispose()]);
  });
});

test("depth-estimation gives the map of our own pipeline, reduced and of several pictures at once", async () => {
  makeDepthFolder(join(home, "depth"));
  const reduction = ["--layers", "1,2", "--tokens-removed", "20%", "--threshold", "pool"];
  await exported("./depth", "depth-onnx", ...reduction, "--dtype", "fp32");
  const theirs = await pipeline("depth-estimation", "depth-onnx", { dtype: "fp32", device: "cpu" });
  const mine = await fromPretrained(join(home, "depth"), {
    ...{ task: "depth-estimation", backend: "onnx-cpu", imageSize: 32 },
    reduction: { layers: [1, 2], tokensRemoved: { share: 0.2 }, threshold: "pool" },
  });
  // Of the model's size, so that nothing is resampled.
  const cut = join(home, "cut.png");
  await sharp(pictures[0]).flatten().extract({ left: 40, top: 40, width: 32, height: 32 }).png().toFile(cut);
  const [given] = (await theirs([cut, cut])) as unknown as DepthEstimationOutput[];
  const { predicted_depth, depth } = await mine.estimateDepth(cut);
  expect(given!.predicted_depth.dims).toEqual(predicted_depth.dims);
  expect(given!.predicted_depth.type).toBe(predicted_depth.type);
  const largest = Math.max(...predicted_depth.data.map(Math.abs));
  const values = given!.predicted_depth.data as Float32Array;
  expect(Math.max(...predicted_depth.data.map((value, i) => Math.abs(value - values[i]!))) / largest).toBeLessThan(
    1e-5,
  );
  expect([given!.depth.width, given!.depth.height, given!.depth.channels]).toEqual([32, 32, 1]);
  // A value beside a whole number may fall to either side.
  expect(Math.max(...depth.data.map((byte, i) => Math.abs(byte - given!.depth.data[i]!)))).toBeLessThanOrEqual(1);
  await Promise.all([theirs.dispose(), mine.dispose()]);
});

test("an export for image-classification alone classifies", async () => {
  await exported("demo", "labels", "--task", "image-classification", "--dtype", "fp32");
  const theirs = await pipeline("image-classification", "labels", { dtype: "fp32", device: "cpu" });
  const [answer] = (await theirs(pictures[0]!)) as { label: string }[];
  expect(answer!.label).toBe((await ours.classify(pictures[0]!)).labels[0]!.label);
  await theirs.dispose();
});

test("a T2T-ViT, which transformers.js does not know, runs there all the same", async () => {
  const model = join(home, "t2t");
  mkdirSync(model);
  const readGolden = (file: string) => readFile(new URL(file, goldenUrl));
  const weights = await goldenFamilyWeights("t2t-performer", readGolden);
  writeFileSync(join(model, "model.safetensors"), safetensorsFile(weights));
  const { family, ...geometry } = JSON.parse(String(await readGolden("families/t2t-performer.model.json")));
  writeFileSync(join(model, "config.json"), JSON.stringify({ ...geometry, model_type: family }));
  writeFileSync(join(model, "preprocessor_config.json"), JSON.stringify(middleOf(96)));
  await exported("./t2t", "out", "--no-ppt");

  const theirs = await pipeline("image-classification", "out", { dtype: "fp32", device: "cpu" });
  const classifier = await fromPretrained(model, { backend: "onnx-cpu", reduction: false });
  const { labels } = await classifier.classify(pictures[0]!, { topK: 10 });
  const answers = (await theirs(pictures[0]!, { top_k: 10 })) as { label: string; score: number }[];
  await theirs.dispose();
  await classifier.dispose();
  const probabilities = new Map(labels.map(({ label, probability }) => [label, probability]));
  expect(answers).toHaveLength(10);
  for (const { label, score } of answers) expect(Math.abs(score - probabilities.get(label)!)).toBeLessThan(1e-5);
});

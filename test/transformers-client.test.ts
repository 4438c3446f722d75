/** Tests a real client: transformers.js loads an exported folder, without network and without this project. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env, type ImageClassificationPipeline, pipeline } from "@huggingface/transformers";
import { goldenFamilyWeights, goldenUrl } from "@ppt-vit/conformance";
import { fromPretrained, type ImageClassifier } from "@ppt-vit/pipeline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
  const { code, output } = await run(process.execPath, [main, "export", "--model", "demo", "--out", "demo"], {
    cwd: home,
  });
  expect(code, output).toBe(0);
  env.allowRemoteModels = false;
  env.localModelPath = home;
  ours = await fromPretrained("demo");
});
afterAll(async () => {
  await ours.dispose();
  rmSync(home, { recursive: true });
});

describe.each([
  // Measured: 1.4e-7 and 1.3e-4. The pictures have the model's size, so nothing is resampled.
  { dtype: "fp32", within: 1e-5 },
  { dtype: "fp16", within: 1e-2 },
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

test("a T2T-ViT, which transformers.js does not know, runs there all the same", async () => {
  const model = join(home, "t2t");
  mkdirSync(model);
  const readGolden = (file: string) => readFile(new URL(file, goldenUrl));
  const weights = await goldenFamilyWeights("t2t-performer", readGolden);
  writeFileSync(join(model, "model.safetensors"), safetensorsFile(weights));
  const { family, ...geometry } = JSON.parse(String(await readGolden("families/t2t-performer.model.json")));
  writeFileSync(join(model, "config.json"), JSON.stringify({ ...geometry, model_type: family }));
  // The middle of the picture, unscaled, so that nothing is resampled.
  const preprocessing = {
    image_processor_type: "ViTImageProcessor",
    do_resize: false,
    do_center_crop: true,
    crop_size: { height: 96, width: 96 },
    do_rescale: true,
    do_normalize: true,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
  };
  writeFileSync(join(model, "preprocessor_config.json"), JSON.stringify(preprocessing));
  const main = join(root, "packages/cli/dist/main.js");
  const { code, output } = await run(
    process.execPath,
    [main, "export", "--model", "./t2t", "--out", "out", "--no-ppt"],
    {
      cwd: home,
    },
  );
  expect(code, output).toBe(0);

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

/** A real client: transformers.js loads an exported folder, without network and without this project. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env, type ImageClassificationPipeline, pipeline } from "@huggingface/transformers";
import { fromPretrained, type ImageClassifier } from "@ppt-vit/pipeline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root, run } from "../scripts/workspace.mjs";

const samples = join(root, "packages/demo-model/samples");
const pictures = readdirSync(samples)
  .slice(0, 6)
  .map((name) => join(samples, name));

let home: string;
let ours: ImageClassifier;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "ppt-vit-client-"));
  const main = join(root, "packages/cli/dist/main.js");
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
  // Measured: 1.4e-7 and 1.3e-4. The pictures have the model's size, so no resampling comes between.
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

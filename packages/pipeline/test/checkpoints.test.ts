/** Tests checkpoints in the forms that people publish against the answers of transformers and timm. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { type CheckpointFiles, fromPretrained } from "@ppt-vit/pipeline";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { type RecipeTensor, recipeFile, recipePicture } from "./checkpoint-recipe.js";

interface Answer {
  readonly task: "image-classification" | "image-feature-extraction";
  /** Logits, or the embedding. */
  readonly values: readonly number[];
  readonly labels?: readonly string[];
  /** Absent for a regression. */
  readonly probabilities?: readonly number[] | null;
}

interface Refusal {
  readonly task: Answer["task"];
  readonly code: string;
  readonly mentions: string;
}

interface Case {
  readonly id: string;
  readonly right: string;
  readonly seed: number;
  readonly files: Readonly<Record<string, object>>;
  readonly tensors: readonly RecipeTensor[];
  readonly tests: readonly (Answer | Refusal)[];
}

const cases: readonly Case[] = gunzipSync(readFileSync(new URL("../fixtures/checkpoints.ndjson.gz", import.meta.url)))
  .toString()
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));

function filesOf({ id, files, seed, tensors }: Case): CheckpointFiles {
  return {
    name: id,
    async read(file, { optional }) {
      if (file === "model.safetensors") return recipeFile(seed, tensors);
      if (files[file]) return Buffer.from(JSON.stringify(files[file]));
      if (optional) return undefined;
      throw new Error(`${file} was asked for`);
    },
  };
}

const [width, height] = [50, 37];
const picture = await sharp(recipePicture(width, height), { raw: { width, height, channels: 3 } })
  .png()
  .toBuffer();

/** Relative to the largest value. */
function expectNear(actual: Float32Array, expected: readonly number[], within: number): void {
  expect(actual).toHaveLength(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  const difference = Math.max(...expected.map((value, i) => Math.abs(actual[i]! - value)));
  expect(difference / largest).toBeLessThan(within);
}

const tolerance = 1e-4;

async function check(files: CheckpointFiles, { task, values, labels, probabilities }: Answer): Promise<void> {
  if (task === "image-feature-extraction") {
    const extractor = await fromPretrained(files, { task, reduction: false });
    expectNear(await extractor.embed(picture), values, tolerance);
    return extractor.dispose();
  }
  const classifier = await fromPretrained(files, { reduction: false });
  const result = await classifier.classify(picture, { topK: values.length });
  expectNear(result.logits, values, tolerance);
  expect(classifier.labels).toEqual(labels);
  for (const { index, label, logit, probability } of result.labels) {
    expect(label).toBe(labels![index]);
    expect(logit).toBe(result.logits[index]);
    if (probabilities) expect(Math.abs(probability! - probabilities[index]!)).toBeLessThan(tolerance);
    else expect(probability).toBeUndefined();
  }
  await classifier.dispose();
}

async function load(files: CheckpointFiles, task: Answer["task"]): Promise<unknown> {
  const options = { reduction: false } as const;
  return task === "image-classification" ? fromPretrained(files, options) : fromPretrained(files, { ...options, task });
}

describe("a checkpoint as people publish it", () => {
  it("comes in all kinds that the recipes know", () => {
    expect(cases.length).toBeGreaterThan(100);
  });

  it.each(cases.map((one) => [one.id, one.right, one] as const))("%s: %s", async (_id, _right, one) => {
    for (const test of one.tests) {
      if ("values" in test) await check(filesOf(one), test);
      else
        await expect(load(filesOf(one), test.task)).rejects.toMatchObject({
          code: test.code,
          message: expect.stringContaining(test.mentions),
        });
    }
  });
});

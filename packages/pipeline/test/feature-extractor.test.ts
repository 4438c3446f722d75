/** Tests embeddings and dense features against transformers, and against the model's own stage reports. */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import {
  type Embedding,
  type FeatureExtractor,
  fromPretrained,
  isFailure,
  type PretrainedModel,
} from "@ppt-vit/pipeline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clipFolder, dinov2Folder, expectClose, expectedOf, picture, vitFolder } from "./fixtures.js";

const task = "image-feature-extraction";
const reduction = { layers: [0, 1], tokensRemoved: 4, threshold: { scaleFree: 0.8 } } as const;
const sample = (name: string) => fileURLToPath(new URL(name, demoSamplesUrl));
const lengthOf = (x: Float32Array) => Math.hypot(...x);

describe.each(["cpu", "onnx-cpu", "tfjs-wasm"])("an unreduced feature extractor on %s", (backend) => {
  let extractor: FeatureExtractor;
  beforeAll(async () => {
    extractor = await fromPretrained(vitFolder, { task, backend, reduction: false, dense: true });
  });
  afterAll(() => extractor.dispose());

  const states = expectedOf("vit").read("32x32.last_hidden_state").data;
  const C = 16;
  const patches = 16;

  it("gives transformers' class token, mean and patches", async () => {
    expectClose(await extractor.embed(picture), states.subarray(0, C));
    const sums = new Float64Array(C);
    for (let j = 1; j <= patches; j++) for (let c = 0; c < C; c++) sums[c]! += states[j * C + c]!;
    const mean = await extractor.embed(picture, { pooling: "mean" });
    expectClose(
      mean,
      Array.from(sums, (sum) => sum / patches),
    );
    const { features, shape, classToken, stages } = await extractor.features(picture);
    expect(shape).toEqual([4, 4, C]);
    expect(stages).toEqual([]);
    expectClose(features, states.subarray(C));
    expectClose(classToken!, states.subarray(0, C));
  });

  it("normalises on request", async () => {
    for (const pooling of ["class", "mean"] as const) {
      const plain = await extractor.embed(picture, { pooling });
      const unit = await extractor.embed(picture, { pooling, normalize: true });
      expect(lengthOf(unit)).toBeCloseTo(1, 5);
      expectClose(
        unit,
        plain.map((value) => value / lengthOf(plain)),
      );
    }
  });
});

describe("a reduced feature extractor", () => {
  let extractor: PretrainedModel<typeof task>;
  beforeAll(async () => {
    extractor = await fromPretrained(vitFolder, { task, reduction, dense: true, trace: true });
  });
  afterAll(() => extractor.dispose());

  it("weights the mean by what tokens stand for: it is the mean over the patches that are still held", async () => {
    const mean = await extractor.embed(picture, { pooling: "mean" });
    const { features, stages, shape } = await extractor.features(picture);
    const C = shape[2];
    const held = Array.from(stages.at(-1)!.tokenOfPatch!, (token, patch) => (token >= 0 ? [patch] : [])).flat();
    expect(held.length).toBeLessThan(16);
    expectClose(
      mean,
      Float32Array.from({ length: C }, (_, c) => held.reduce((sum, j) => sum + features[j * C + c]!, 0) / held.length),
    );
  });

  it("gives patches of one token the same vector, and every patch one of its own otherwise", async () => {
    const { features, stages, shape, classToken } = await extractor.features(picture);
    const [rows, columns, C] = shape;
    expect([rows, columns, features.length, classToken!.length]).toEqual([4, 4, 16 * C, C]);
    const tokens = stages.at(-1)!.tokenOfPatch!;
    const vector = (patch: number) => Array.from(features.subarray(patch * C, (patch + 1) * C));
    let shared = 0;
    for (let a = 0; a < 16; a++)
      for (let b = 0; b < a; b++) {
        const together = tokens[a]! >= 0 && tokens[a] === tokens[b];
        if (together) {
          shared++;
          expect(vector(a)).toEqual(vector(b));
        } else if (tokens[a]! >= 0 || tokens[b]! >= 0) expect(vector(a)).not.toEqual(vector(b));
      }
    expect(shared).toBeGreaterThan(0);
  });

  it("gives a picture the same bits alone and in a batch, and goes on past bad ones", async () => {
    const inputs = [picture, sample("000_dog.png"), "missing.png", sample("001_cat.png")];
    const results = [];
    for await (const result of extractor.embedAll(inputs, { batch: 3 })) results.push(result);
    expect(results.map((result) => (isFailure(result) ? result.error.code : "ok"))).toEqual([
      "ok",
      "ok",
      "NOT_FOUND",
      "ok",
    ]);
    expect(results.map(({ input }) => input)).toEqual(inputs);
    const last = results[3] as Embedding;
    expect(last.embedding).toEqual(await extractor.embed(inputs[3]!));
    expect(last.stages.map(({ tokensOut }) => tokensOut)).toEqual([13, 9]);
    const dense = [];
    for await (const result of extractor.featuresAll(inputs, { batch: 2 })) dense.push("features" in result);
    expect(dense).toEqual([true, true, false, true]);
  });
});

describe("a feature extractor", () => {
  it("takes a checkpoint without a classifier, and CLIP's projection by default", async () => {
    const extractor = await fromPretrained(clipFolder, { task, reduction: false });
    const expected = expectedOf("clip");
    expectClose(await extractor.embed(picture), expected.read("32x32.image_embeds").data);
    expectClose(await extractor.embed(picture, { pooling: "class" }), expected.read("32x32.pooler_output").data);
    await extractor.dispose();
  });

  it("takes a DINOv2 at the size that its preprocessing gives", async () => {
    const extractor = await fromPretrained(dinov2Folder, { task, reduction: false, dense: true });
    const states = expectedOf("dinov2").read("42x42.last_hidden_state").data;
    const { features, shape, classToken } = await extractor.features(picture);
    await extractor.dispose();
    expect(shape).toEqual([3, 3, 16]);
    expectClose(classToken!, states.subarray(0, 16));
    expectClose(features, states.subarray(16));
  });

  it("verifies a model without a classifier by its embedding", async () => {
    const backend = "onnx-cpu";
    const extractor = await fromPretrained(clipFolder, { task, reduction, backend, verify: true });
    expect(extractor.verification).toMatchObject({ against: "cpu backend", difference: expect.any(Number) });
    expect(extractor.verification).not.toMatchObject({ difference: 0 });
    await extractor.dispose();
  });

  it("says what it is ready for", async () => {
    const statuses: unknown[] = [];
    const extractor = await fromPretrained(vitFolder, {
      task,
      reduction: false,
      progress_callback: (info) => void statuses.push(info),
    });
    await extractor.dispose();
    expect(statuses.at(-1)).toMatchObject({ status: "ready", task });
  });

  it("refuses what it cannot give", async () => {
    const extractor = await fromPretrained(vitFolder, { task, reduction: false });
    await expect(extractor.features(picture)).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("load it with { dense: true }"),
    });
    await expect(extractor.embed(picture, { pooling: "projection" })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("has no projection; use"),
    });
    const pooling = "max" as "mean";
    await expect(extractor.embed(picture, { pooling })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(extractor.embed("missing.png")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await extractor.dispose();
    await expect(extractor.embed(picture)).rejects.toMatchObject({ code: "DISPOSED" });
    const unknown = "image-to-text" as "image-classification";
    await expect(fromPretrained(vitFolder, { task: unknown })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("'image-feature-extraction'"),
    });
  });
});

describe("a checkpoint without a classifier", () => {
  it("is refused as a classifier, with what to do instead", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ppt-vit-clip-"));
    for (const file of ["config.json", "preprocessor_config.json", "model.safetensors"])
      copyFileSync(join(clipFolder, file), join(folder, file));
    const error = await fromPretrained(folder, { reduction: false }).catch((e) => e);
    rmSync(folder, { recursive: true });
    expect(error).toMatchObject({ code: "INVALID_OPTION" });
    expect(error.message).toContain("pass textEmbeddings");
    expect(error.message).toContain("image-feature-extraction");
  });
});

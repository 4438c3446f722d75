/**
 * Tests checkpoints at another resolution than their own, square and not, against transformers with interpolated
 * positions.
 */
import { parseImageProcessorConfig, parseModelConfig, weightsFrom } from "@ppt-vit/core";
import { fromPretrained } from "@ppt-vit/pipeline";
import { describe, expect, it } from "vitest";
import { atImageSize, atPictureSize, type ImageSizeOption } from "../src/checkpoint/resolution.js";
import { clipFolder, expectClose, expectedOf, picture, vitFolder } from "./fixtures.js";

const task = "image-feature-extraction";

describe.each(["cpu", "onnx-cpu", "tfjs-wasm"])("another resolution on %s", (backend) => {
  const sizes: readonly [string, ImageSizeOption, [number, number]][] = [
    ["32x32", 32, [4, 4]],
    ["48x48", 48, [6, 6]],
    ["48x40", [48, 40], [6, 5]],
  ];
  it.each(sizes)("gives transformers' logits and patches at %s", async (name, imageSize, patches) => {
    const expected = expectedOf("vit");
    const classifier = await fromPretrained(vitFolder, { backend, reduction: false, imageSize, trace: true });
    const { logits, image } = await classifier.classify(picture);
    await classifier.dispose();
    expect(`${image!.height}x${image!.width}`).toBe(name);
    expect([classifier.patches, classifier.tokens]).toEqual([patches, [1 + patches[0] * patches[1]]]);
    expectClose(logits, expected.read(`${name}.logits`).data);

    const extractor = await fromPretrained(vitFolder, { task, backend, reduction: false, imageSize, dense: true });
    const { features, shape } = await extractor.features(picture);
    await extractor.dispose();
    expect(shape).toEqual([...patches, 16]);
    expectClose(features, expected.read(`${name}.last_hidden_state`).data.subarray(16));
  });
});

describe("another resolution", () => {
  it("keeps the ratio of resize and crop", async () => {
    const classifier = await fromPretrained(clipFolder, { reduction: false, imageSize: 48 });
    const { logits } = await classifier.classify(picture);
    await classifier.dispose();
    expectClose(logits, expectedOf("clip").read("48x48.logits_per_image").data);
  });

  it("covers a crop that is not square without changing proportions", async () => {
    // 61 x 47 pixels cover 40 x 80 at 104 x 80: all of the height is seen but what the crop takes, 8 of 80 rows each.
    const classifier = await fromPretrained(clipFolder, { reduction: false, imageSize: [64, 32], trace: true });
    const { image } = await classifier.classify(picture);
    await classifier.dispose();
    expect([image!.height, image!.width]).toEqual([64, 32]);
  });

  it("reduces by the tokens that there are", async () => {
    const loaded = await fromPretrained(vitFolder, {
      imageSize: [48, 40],
      reduction: { layers: [0, 1], tokensRemoved: 6, threshold: "pool" },
    });
    expect(loaded.tokens).toEqual([31, 25, 19]);
    expect(loaded.gmacs.reduced).toBeLessThan(loaded.gmacs.unreduced);
    await loaded.dispose();
    const half = { layers: [0, 1], tokensRemoved: { share: 0.5 }, threshold: "prune" } as const;
    const shares = await fromPretrained(vitFolder, { imageSize: [48, 40], reduction: half });
    expect(shares.tokens).toEqual([31, 16, 9]);
    await shares.dispose();
  });

  it("verifies against the CPU: what was recorded at the checkpoint's own size says nothing here", async () => {
    const loaded = await fromPretrained("demo", { backend: "onnx-cpu", imageSize: 160, verify: true });
    expect(loaded.verification).toMatchObject({ against: "cpu backend" });
    await loaded.dispose();
  });

  it.each([
    { imageSize: 7, says: "patch_size 8x8 is larger than image_size 7x7" },
    { imageSize: [48, 0] as const, says: "got [48,0]" },
    { imageSize: Number.NaN, says: "whole numbers" },
    { imageSize: 8000, says: "1000000 patches are more than" },
  ])("is refused where it cannot be: $imageSize", async ({ imageSize, says }) => {
    const error = await fromPretrained(vitFolder, { imageSize }).catch((e) => e);
    expect(error).toMatchObject({ code: "INVALID_CONFIG" });
    expect(error.message).toContain(says);
  });
});

describe("preprocessing at another resolution", () => {
  const dinov2 = {
    model_type: "dinov2",
    hidden_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    image_size: 518,
    patch_size: 14,
  };
  const checkpoint = (config: object, preprocessing: object) => ({
    name: "model",
    config: parseModelConfig(config),
    preprocessing: parseImageProcessorConfig(preprocessing),
    weights: weightsFrom({}),
  });

  it.each([
    // The settings of facebook/deit-base-distilled-patch16-384.
    { given: { size: 256, do_center_crop: true, crop_size: 224 }, at: 384, size: 438, crop: 384 },
    { given: { size: 224 }, at: 384, size: 384 },
    {
      given: { size: { height: 64, width: 96 }, do_center_crop: true, crop_size: 32 },
      at: [16, 48],
      size: [32, 144],
      crop: [16, 48],
    },
  ] as const)("stretches $given at $at to $size", ({ given, at, size, ...rest }) => {
    const edges = (value: number | readonly [number, number]) =>
      typeof value === "number" ? { height: value, width: value } : { height: value[0], width: value[1] };
    const { preprocessing } = atImageSize(checkpoint({ ...dinov2, image_size: 512, patch_size: 16 }, given), at);
    expect(preprocessing.size).toEqual(edges(size));
    if ("crop" in rest) expect(preprocessing.cropSize).toEqual(edges(rest.crop));
  });

  it("keeps proportions where the checkpoint does, and covers what is not square", () => {
    const bit = checkpoint(dinov2, { image_processor_type: "BitImageProcessor", size: { shortest_edge: 256 } });
    expect(atImageSize(bit, 448).preprocessing).toMatchObject({
      size: { shortestEdge: 512 },
      cropSize: { height: 448, width: 448 },
    });
    expect(atImageSize(bit, [448, 224]).preprocessing).toMatchObject({
      size: { covering: { height: 512, width: 256 } },
      cropSize: { height: 448, width: 224 },
    });
  });

  it("decides over a DINOv2, which leaves it its size", () => {
    const bit = checkpoint(dinov2, { image_processor_type: "BitImageProcessor" });
    expect(atPictureSize(bit.config, bit.preprocessing)).toMatchObject({
      imageSize: [224, 224],
      positionGrid: [37, 37],
    });
    const vit = checkpoint({ ...dinov2, model_type: "vit" }, {});
    expect(atPictureSize(vit.config, vit.preprocessing).imageSize).toEqual([518, 518]);
  });
});

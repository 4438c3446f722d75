/** Tests DINOv3's pictures, and which of its files are refused. Its answers are golden cases of the conformance suite. */
import { readFileSync } from "node:fs";
import { modelCost, parseImageProcessorConfig, parseModelConfig, processImage, resizeAndCrop } from "@ppt-vit/core";
import { describe, expect, it } from "vitest";
import { draw } from "./draw.js";

interface PictureCase {
  readonly picture: readonly [width: number, height: number];
  readonly config: object;
  readonly shape: readonly number[];
  /** Pixel values, [1, 3, H, W]. */
  readonly data: readonly number[];
}
const golden: { readonly cases: readonly PictureCase[] } = JSON.parse(
  readFileSync(new URL("../fixtures/preprocess/dinov3.json", import.meta.url), "utf8"),
);

describe("DINOv3ViTImageProcessor", () => {
  it.each(golden.cases)("$picture $config: rescales, then resizes without rounding", ({ picture, config, ...made }) => {
    const image = draw(
      ...picture,
      (x, y, c) => [13 * x + 7 * y + ((x * y) >> 3), 31 * (x >> 1) + 11 * y, 5 * (x ^ y) + (y >> 2)][c]! % 256,
    );
    const processor = parseImageProcessorConfig({ image_processor_type: "DINOv3ViTImageProcessorFast", ...config });
    const { shape, data } = processImage(image, processor);
    expect(shape).toEqual(made.shape);
    expect(Math.max(...made.data.map((value, i) => Math.abs(value - data[i]!)))).toBeLessThan(5e-6);
    const { width, height } = resizeAndCrop(image, processor);
    expect([height, width]).toEqual(made.shape.slice(2));
  });

  it("resizes like others where it does not rescale", () => {
    const processor = parseImageProcessorConfig({ image_processor_type: "DINOv3ViTImageProcessor", do_rescale: false });
    expect(processor.rescaleFirst).toBeUndefined();
  });
});

describe("DINOv3", () => {
  const read = (fields: object) => parseModelConfig({ model_type: "dinov3_vit", ...fields });

  // It costs as much as ViT-S with four more tokens.
  it("has the sizes of its S model where a file is silent", () => {
    const config = read({});
    expect(config).toMatchObject({ hiddenSize: 384, layers: 12, heads: 6, registerTokens: 4, intermediateSize: 1536 });
    expect(config.withoutBias).toEqual(["key"]);
    const vit = parseModelConfig({
      model_type: "vit",
      image_size: 224,
      patch_size: 16,
      num_hidden_layers: 12,
      hidden_size: 384,
      num_attention_heads: 6,
      intermediate_size: 1536,
    });
    expect(modelCost(config).gmacs / modelCost(vit).gmacs).toBeCloseTo(201 / 197, 1);
  });

  it.each([
    [{ use_gated_mlp: true }, /hidden_act must be "silu" where use_gated_mlp is true, got gelu/],
    [
      { hidden_size: 36, num_attention_heads: 6 },
      /leaves 6 channels to a head, and rotary positions need a multiple of 4/,
    ],
    [{ model_type: "dinov3_convnext" }, /dinov3_convnext.* convolutional network without tokens/],
    [{ rope_theta: -1 }, /rope_theta must be a number above 0/],
    [{ num_register_tokens: -1 }, /num_register_tokens must be a whole number/],
    [{ key_bias: "no" }, /key_bias must be true or false/],
  ])("refuses %j", (fields, message) => {
    expect(() => read(fields)).toThrow(message);
  });
});

describe("the class Eva of timm", () => {
  it.each([
    ["eva02_base_patch16_clip_224", /norms inside the attention/],
    ["vit_small_patch16_rope_mixed_224", /its attention is 'rope'/],
    ["vit_pe_core_base_patch16_224", /its attention is 'rope'/],
    ["eva02_enormous_patch14_clip_224", /norms follow the attention and the MLP/],
  ])("is refused as %s", (architecture, message) => {
    expect(() => parseModelConfig({ architecture })).toThrow(message);
  });
});

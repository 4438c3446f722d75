import { readFile } from "node:fs/promises";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { goldenFamilyWeights, goldenUrl, tinyConfig, tinyFamilies } from "@ppt-vit/conformance";
import {
  createVisionModel,
  type HostTensor,
  parseModelConfig,
  randomWeights,
  readParameters,
  weightsFrom,
  withImageSize,
} from "@ppt-vit/core";
import { describe, expect, it } from "vitest";

/** The same weights under Hugging Face's names. */
function huggingFaceNames(timm: Record<string, HostTensor>, prefix: string): Record<string, HostTensor> {
  const C = tinyConfig.hiddenSize;
  const renamed: Record<string, HostTensor> = {};
  for (const [name, tensor] of Object.entries(timm)) {
    const qkv = /^blocks\.(\d+)\.attn\.qkv\.(weight|bias)$/.exec(name);
    if (qkv) {
      ["query", "key", "value"].forEach((part, i) => {
        const size = tensor.data.length / 3;
        renamed[`${prefix}encoder.layer.${qkv[1]}.attention.attention.${part}.${qkv[2]}`] = {
          shape: [C, ...tensor.shape.slice(1)],
          data: tensor.data.slice(i * size, (i + 1) * size),
        };
      });
      continue;
    }
    const hugging = name
      .replace(/^blocks\.(\d+)\./, `${prefix}encoder.layer.$1.`)
      .replace("attn.proj", "attention.output.dense")
      .replace("norm1", "layernorm_before")
      .replace("norm2", "layernorm_after")
      .replace("mlp.fc1", "intermediate.dense")
      .replace("mlp.fc2", "output.dense")
      .replace(/^cls_token/, `${prefix}embeddings.cls_token`)
      .replace(/^pos_embed/, `${prefix}embeddings.position_embeddings`)
      .replace(/^patch_embed\.proj/, `${prefix}embeddings.patch_embeddings.projection`)
      .replace(/^norm\./, `${prefix}layernorm.`)
      .replace(/^head\./, "classifier.");
    renamed[hugging] = tensor;
  }
  return renamed;
}

const timm = randomWeights(tinyConfig, 1);

describe("readParameters", () => {
  it.each(["vit.", "deit.", ""])("reads Hugging Face names with prefix '%s' as it reads timm's", (prefix) => {
    const fromTimm = readParameters(weightsFrom(timm), tinyConfig);
    const fromHub = readParameters(weightsFrom(huggingFaceNames(timm, prefix)), tinyConfig);
    expect(fromHub).toEqual(fromTimm);
  });

  it("adds the class token to the first position", () => {
    const { positions } = readParameters(weightsFrom(timm), tinyConfig);
    const C = tinyConfig.hiddenSize;
    expect(positions!.data[5]).toBe(Math.fround(timm.pos_embed!.data[5]! + timm.cls_token!.data[5]!));
    expect(positions!.data.slice(C)).toEqual(timm.pos_embed!.data.slice(C));
  });

  it.each([
    ["a missing tensor", { "blocks.1.mlp.fc1.weight": undefined }, "tensor 'blocks.1.mlp.fc1.weight' is missing"],
    ["a missing head", { "head.bias": undefined }, "tensor 'head.bias' is missing"],
    [
      "a wrong shape",
      { "head.weight": { shape: [24, 5], data: new Float32Array(120) } },
      "tensor 'head.weight' has shape [24,5], the config asks for [5,24]",
    ],
    [
      "too few fused rows",
      { "blocks.0.attn.qkv.weight": { shape: [48, 24], data: new Float32Array(48 * 24) } },
      "tensor 'blocks.0.attn.qkv.weight' has shape [48,24], the config asks for [72,24]",
    ],
    [
      "NaN",
      { "norm.bias": { shape: [24], data: new Float32Array(24).fill(Number.NaN, 7, 8) } },
      "tensor 'norm.bias' holds NaN at element 7",
    ],
    [
      "Infinity",
      { cls_token: { shape: [1, 1, 24], data: new Float32Array(24).fill(-Infinity) } },
      "tensor 'cls_token' holds -Infinity",
    ],
    [
      "a block beyond the config's",
      { "blocks.3.norm1.weight": { shape: [24], data: new Float32Array(24) } },
      "tensor 'blocks.3.norm1.weight' belongs to a block beyond the config's 3",
    ],
    ["another kind of model", { cls_token: undefined }, "not a ViT checkpoint"],
  ])("names %s", (_name, change: Record<string, HostTensor | undefined>, message) => {
    const entries = Object.entries({ ...timm, ...change }).filter(
      (entry): entry is [string, HostTensor] => entry[1] !== undefined,
    );
    const read = () => readParameters(weightsFrom(Object.fromEntries(entries)), tinyConfig);
    expect(read).toThrow(message);
    expect(read).toThrow(expect.objectContaining({ code: "INVALID_WEIGHTS" }));
  });
});

it("looks at the weights before it makes tables as large as a config claims", async () => {
  const config = { ...tinyConfig, imageSize: [400, 400] as const };
  const reduction = { layers: [0], tokensRemoved: 10, threshold: 1 };
  const attempt = createVisionModel({ config, weights: weightsFrom(timm), backend: createCpuBackend(), reduction });
  await expect(attempt).rejects.toMatchObject({
    code: "INVALID_WEIGHTS",
    message: expect.stringContaining("pos_embed"),
  });
});

describe("stems", () => {
  const lvvit = tinyFamilies["LV-ViT"]!;

  it("folds a batch norm into the convolution in front of it", () => {
    const weights = randomWeights(lvvit, 1);
    const { "stem.1.weight": weight, "stem.1.bias": bias } = readParameters(weightsFrom(weights), lvvit);
    const of = (part: string) => weights[`patch_embed.bn2.${part}`]!.data[4]!;
    const factor = of("weight") / Math.sqrt(of("running_var") + 1e-5);
    const at = 4 * 6 * 9 + 17;
    expect(weight!.data[at]).toBeCloseTo(weights["patch_embed.conv2.weight"]!.data[at]! * factor, 6);
    expect(bias!.data[4]).toBeCloseTo(of("bias") - factor * of("running_mean"), 6);
  });

  it("refuses a variance below 0", () => {
    const weights = randomWeights(lvvit, 1);
    weights["patch_embed.bn2.running_var"]!.data[3] = -1;
    const read = () => readParameters(weightsFrom(weights), lvvit);
    expect(read).toThrow("'bn2' has the variance -1 at element 3");
    expect(read).toThrow(expect.objectContaining({ code: "INVALID_WEIGHTS" }));
  });

  it("makes the sinusoids of T2T-ViT anew for another size, as its own code makes them", async () => {
    const weights = await goldenFamilyWeights("t2t-performer", (file) => readFile(new URL(file, goldenUrl)));
    const config = parseModelConfig({
      model_type: "t2t_vit",
      image_size: 96,
      hidden_size: 48,
      num_hidden_layers: 4,
      num_attention_heads: 3,
      num_labels: 10,
      token_dim: 16,
    });
    // The stored table has sinusoids of 37 positions. A smaller picture uses its first rows.
    const { positions } = readParameters(weightsFrom(weights), withImageSize(config, [64, 96]));
    const stored = weights.pos_embed!.data;
    expect(positions!.shape).toEqual([1 + 4 * 6, 48]);
    positions!.data.subarray(48).forEach((value, i) => {
      expect(Math.abs(value - stored[48 + i]!)).toBeLessThan(1e-6);
    });
  });
});

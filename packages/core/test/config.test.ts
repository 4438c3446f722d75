import { isKnownToTransformersJs, parseModelConfig } from "@ppt-vit/core";
import { describe, expect, it } from "vitest";

const base = {
  model_type: "vit",
  hidden_size: 192,
  num_hidden_layers: 12,
  num_attention_heads: 3,
  image_size: 224,
  patch_size: 16,
};

describe("parseModelConfig", () => {
  it("fills in Hugging Face's defaults", () => {
    expect(parseModelConfig(base)).toMatchObject({
      intermediateSize: 768,
      channels: 3,
      activation: "gelu",
      layerNormEpsilon: 1e-12,
      qkvBias: true,
      labels: ["LABEL_0", "LABEL_1"],
    });
  });

  it("takes a family that is named null for one that is not named", () => {
    for (const name of ["model_type", "architecture"])
      expect(parseModelConfig({ ...base, [name]: null })).toEqual(parseModelConfig(base));
  });

  it("orders labels by class number, not by the order of the file", () => {
    expect(parseModelConfig({ ...base, id2label: { 1: "cat", 0: "dog" } }).labels).toEqual(["dog", "cat"]);
  });

  it("reads heads and tokens of a distilled DeiT as Hugging Face defines them", () => {
    const deit = { ...base, model_type: "deit" };
    expect(parseModelConfig({ ...deit, architectures: ["DeiTForImageClassificationWithTeacher"] })).toMatchObject({
      distillationToken: true,
      distillationHead: true,
    });
    expect(parseModelConfig({ ...deit, architectures: ["DeiTForImageClassification"] })).toMatchObject({
      distillationToken: true,
      distillationHead: false,
    });
  });

  it("takes oblong pictures and patches", () => {
    expect(parseModelConfig({ ...base, image_size: [96, 192], patch_size: [8, 16] })).toMatchObject({
      imageSize: [96, 192],
      patchSize: [8, 16],
    });
  });

  it("tells a model without a classifier by the class that was saved", () => {
    expect(parseModelConfig({ ...base, architectures: ["ViTModel"] }).labels).toEqual([]);
    expect(parseModelConfig({ ...base, architectures: ["ViTForImageClassification"] }).labels).toHaveLength(2);
  });

  it.each([
    ["no object", [], "expected a JSON object"],
    ["a missing field", { ...base, hidden_size: undefined }, "hidden_size is missing"],
    [
      "heads that do not divide",
      { ...base, num_attention_heads: 5 },
      "num_attention_heads 5 does not divide hidden_size 192",
    ],
    ["no heads", { ...base, num_attention_heads: 0 }, "num_attention_heads must be a whole number"],
    [
      "a patch larger than the picture",
      { ...base, patch_size: 225 },
      "patch_size 225x225 is larger than image_size 224x224",
    ],
    ["absurd sizes", { ...base, hidden_size: 1e12 }, "hidden_size must be a whole number from 1 to"],
    ["too many patches", { ...base, image_size: 8192, patch_size: 1 }, "patches are more than"],
    [
      "text for a number",
      { ...base, num_hidden_layers: "12" },
      'num_hidden_layers must be a whole number from 1 to 512, got "12"',
    ],
    ["NaN", { ...base, layer_norm_eps: Number.NaN }, "layer_norm_eps must lie between 0 and 1"],
    ["an unknown activation", { ...base, hidden_act: "mish" }, 'hidden_act "mish" is not supported'],
    ["an activation from the prototype", { ...base, hidden_act: "constructor" }, "is not supported"],
    ["another family", { ...base, model_type: "swin" }, 'model_type "swin" is not supported'],
    ["CLIP without its vision tower", { model_type: "clip" }, "vision_config must be an object, got undefined"],
    [
      "CLIP with a classifier",
      { model_type: "clip", architectures: ["CLIPForImageClassification"] },
      "is not supported",
    ],
    ["a T2T-ViT of other patches", { ...base, model_type: "t2t_vit", patch_size: 8 }, "three soft splits, got 8x8"],
    [
      "unknown tokens",
      { ...base, model_type: "t2t_vit", tokens_type: "convolution" },
      "tokens_type must be performer or",
    ],
    ["an LV-ViT of odd patches", { ...base, model_type: "lvvit", image_size: 225, patch_size: 15 }, "must be even"],
    ["a scale below 0", { ...base, model_type: "lvvit", skip_lam: -2 }, "skip_lam must be a number above 0"],
    ["a name that timm has not", { architecture: "vit_small_r26_s32_224" }, "of timm is not supported"],
    ["BEiT of timm", { architecture: "beitv2_base_patch16_224.in1k" }, "its positions are relative"],
    ["Swin of timm", { architecture: "swin_tiny_patch4_window7_224" }, "attention sees windows of the picture"],
    ["a name of timm with another head", { architecture: "test_vit3" }, "its mean includes the class token"],
    [
      "arguments of timm",
      { architecture: "vit_small_patch16_224", model_args: { qk_norm: true } },
      "model_args.qk_norm = true is not supported",
    ],
    [
      "a size of timm without channels",
      { architecture: "vit_small_patch16_224", pretrained_cfg: { input_size: [224, 224] } },
      "input_size must be [channels, height, width]",
    ],
    [
      "too few names of classes",
      { architecture: "vit_small_patch16_224", num_classes: 3, label_names: ["a"] },
      "label_names must name 3 classes",
    ],
    ["labels with a hole", { ...base, id2label: { 0: "a", 2: "b" } }, "none for class 1"],
  ])("refuses %s", (_name, json, message) => {
    expect(() => parseModelConfig(json)).toThrow(message);
    expect(() => parseModelConfig(json)).toThrow(expect.objectContaining({ code: "INVALID_CONFIG" }));
  });
});

/** The fields of published configs that are read. */
const published: readonly [name: string, json: object, expected: object][] = [
  [
    "facebook/dino-vits16",
    { ...base, architectures: ["ViTModel"], hidden_size: 384, num_attention_heads: 6, layer_norm_eps: 1e-12 },
    { labels: [], pooling: "class" },
  ],
  [
    "facebook/vit-mae-base",
    { ...base, model_type: "vit_mae", architectures: ["ViTMAEForPreTraining"], mask_ratio: 0.75 },
    { labels: [], pooling: "class" },
  ],
  [
    "an MAE with a classifier",
    { ...base, model_type: "vit_mae", id2label: { 0: "a", 1: "b" } },
    { labels: ["a", "b"], pooling: "mean" },
  ],
  [
    "facebook/dinov2-small",
    {
      model_type: "dinov2",
      architectures: ["Dinov2Model"],
      hidden_size: 384,
      num_hidden_layers: 12,
      num_attention_heads: 6,
      image_size: 518,
      patch_size: 14,
      mlp_ratio: 4,
      layer_norm_eps: 1e-6,
      use_swiglu_ffn: false,
    },
    { intermediateSize: 1536, layerScale: true, mlp: "plain", labels: [], pooling: "class+mean" },
  ],
  [
    "facebook/dinov2-giant",
    {
      model_type: "dinov2",
      hidden_size: 1536,
      num_hidden_layers: 40,
      num_attention_heads: 24,
      image_size: 518,
      patch_size: 14,
      use_swiglu_ffn: true,
    },
    { intermediateSize: 4096, mlp: "swiglu" },
  ],
  [
    "facebook/dinov2-with-registers-base",
    { ...base, model_type: "dinov2_with_registers", patch_size: 14, num_register_tokens: 4 },
    { registerTokens: 4, positionInterpolation: "bicubic-antialiased" },
  ],
  [
    "openai/clip-vit-base-patch32",
    { model_type: "clip", projection_dim: 512, vision_config: { model_type: "clip_vision_model" } },
    { hiddenSize: 768, intermediateSize: 3072, patchSize: [32, 32], activation: "quick_gelu", projection: 512 },
  ],
  [
    "a tower of CLIP without its projection",
    { model_type: "clip_vision_model", architectures: ["CLIPVisionModel"] },
    { labels: [], inputNorm: true, patchBias: false },
  ],
  [
    "timm/vit_small_patch16_384.augreg_in21k_ft_in1k",
    { architecture: "vit_small_patch16_384", num_classes: 1000, pretrained_cfg: { input_size: [3, 384, 384] } },
    { imageSize: [384, 384], hiddenSize: 384, layers: 12, heads: 6, layerNormEpsilon: 1e-6 },
  ],
  [
    "timm/deit_base_distilled_patch16_224.fb_in1k",
    { architecture: "deit_base_distilled_patch16_224", num_classes: 1000 },
    { distillationToken: true, distillationHead: true, hiddenSize: 768 },
  ],
  [
    "timm/deit3_large_patch16_384.fb_in22k_ft_in1k",
    { architecture: "deit3_large_patch16_384", num_classes: 1000 },
    { layerScale: true, layers: 24, imageSize: [384, 384] },
  ],
  [
    "timm/vit_base_patch14_reg4_dinov2.lvd142m",
    { architecture: "vit_base_patch14_reg4_dinov2", num_classes: 0 },
    { registerTokens: 4, imageSize: [518, 518], labels: [], layerScale: true, pooling: "class" },
  ],
  [
    "a model of timm that names its classes",
    {
      architecture: "vit_tiny_patch16_224",
      num_classes: 2,
      label_names: ["n01440764", "n01443537"],
      label_descriptions: { n01440764: "tench" },
    },
    { labels: ["tench", "n01443537"] },
  ],
  [
    "T2T-ViT-14 as trained before the scale was corrected",
    { ...base, model_type: "t2t_vit", qk_scale: 384 ** -0.5, num_labels: 1000 },
    { attentionScale: 384 ** -0.5, qkvBias: false, positionInterpolation: "sinusoid" },
  ],
];

it.each(published)("parseModelConfig reads %s", (_name, json, expected) => {
  expect(parseModelConfig(json)).toMatchObject(expected);
});

it("a tower of CLIP that was saved without its projection has none", () => {
  const tower = (architecture: string) => ({ model_type: "clip_vision_model", architectures: [architecture] });
  expect(parseModelConfig(tower("CLIPVisionModel")).projection).toBeUndefined();
  expect(parseModelConfig(tower("CLIPVisionModelWithProjection")).projection).toBe(512);
});

it("tells which files transformers.js builds the same network from", () => {
  const types = ["vit", "deit", "vit_mae", "vit_msn", "dinov2", "dinov2_with_registers", "clip", "clip_vision_model"];
  for (const model_type of types) expect(isKnownToTransformersJs({ model_type }), model_type).toBe(true);
  for (const model_type of ["altclip", "lvvit", "t2t_vit", "timm_wrapper", "swin", undefined])
    expect(isKnownToTransformersJs({ model_type }), String(model_type)).toBe(false);
});

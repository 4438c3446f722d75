import { parseModelConfig } from "@ppt-vit/core";
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
      "a patch that does not divide",
      { ...base, patch_size: 15 },
      "patch_size 15x15 does not divide image_size 224x224",
    ],
    ["absurd sizes", { ...base, hidden_size: 1e12 }, "hidden_size must be a whole number from 1 to"],
    ["too many patches", { ...base, image_size: 8192, patch_size: 1 }, "patches are more than"],
    [
      "text for a number",
      { ...base, num_hidden_layers: "12" },
      'num_hidden_layers must be a whole number from 1 to 512, got "12"',
    ],
    ["NaN", { ...base, layer_norm_eps: Number.NaN }, "layer_norm_eps must lie between 0 and 1"],
    ["an unknown activation", { ...base, hidden_act: "swish" }, 'hidden_act "swish" is not supported'],
    ["an activation from the prototype", { ...base, hidden_act: "constructor" }, "is not supported"],
    ["another family", { ...base, model_type: "swin" }, 'model_type "swin" is not supported'],
    ["labels with a hole", { ...base, id2label: { 0: "a", 2: "b" } }, "none for class 1"],
  ])("refuses %s", (_name, json, message) => {
    expect(() => parseModelConfig(json)).toThrow(message);
    expect(() => parseModelConfig(json)).toThrow(expect.objectContaining({ code: "INVALID_CONFIG" }));
  });
});

import { modelCost, parseModelConfig, publishedReduction, sizeOf, weightShapes } from "@ppt-vit/core";
import { describe, expect, it } from "vitest";

const deit = (hidden_size: number, num_attention_heads: number) =>
  parseModelConfig({
    model_type: "vit",
    hidden_size,
    num_hidden_layers: 12,
    num_attention_heads,
    intermediate_size: 4 * hidden_size,
    image_size: 224,
    patch_size: 16,
    num_labels: 1000,
  });

describe("GMACs reproduce the paper's table", () => {
  it.each([
    ["DeiT-Ti", 192, 3, "1.25", "0.80"],
    ["DeiT-S", 384, 6, "4.60", "2.94"],
    ["DeiT-B", 768, 12, "17.56", "11.26"],
  ])("%s", (_name, hidden, heads, unreduced, reduced) => {
    const config = deit(hidden, heads);
    expect(modelCost(config).gmacs.toFixed(2)).toBe(unreduced);
    expect(modelCost(config, publishedReduction).gmacs.toFixed(2)).toBe(reduced);
  });
});

describe("GMACs and parameters of Depth Anything V2 are those of transformers' code, counted by PyTorch", () => {
  it.each([
    ["S", 384, 6, 12, 64, [48, 96, 192, 384], [3, 6, 9, 12], 46.697, 10.937, 24_785_089],
    ["B", 768, 12, 12, 128, [96, 192, 384, 768], [3, 6, 9, 12], 151.574, 38.777, 97_470_785],
    ["L", 1024, 16, 24, 256, [256, 512, 1024, 1024], [5, 12, 18, 24], 506.804, 145.305, 335_315_649],
  ])("%s", (_name, hidden, heads, layers, fusion, neck_hidden_sizes, out_indices, backbone, head, parameters) => {
    const size = { hidden_size: hidden, num_attention_heads: heads, num_hidden_layers: layers, out_indices };
    const backbone_config = { model_type: "dinov2", image_size: 518, patch_size: 14, ...size };
    const json = { model_type: "depth_anything", backbone_config, fusion_hidden_size: fusion, neck_hidden_sizes };
    const config = parseModelConfig(json);
    const { totalMacs, headMacs } = modelCost(config);
    expect((totalMacs - headMacs) / 1e9).toBeCloseTo(backbone, 3);
    // Published code projects a map behind its enlargement, at this many more places.
    const later = [37 ** 2 - 19 ** 2, 74 ** 2 - 37 ** 2, 148 ** 2 - 74 ** 2, 296 ** 2 - 148 ** 2];
    expect((headMacs + later.reduce((sum, n) => sum + n) * fusion ** 2) / 1e9).toBeCloseTo(head, 3);
    // Nothing reads the mask token, nor the unit that would add a map to the first fusion's.
    const unread = hidden + 2 * (9 * fusion ** 2 + fusion);
    const read = Object.values(weightShapes(config)).reduce((sum, shape) => sum + sizeOf(shape), 0);
    expect(read + unread).toBe(parameters);
  });
});

const paperModel = (model_type: string, hidden_size: number, num_hidden_layers: number, more: object) =>
  parseModelConfig({
    model_type,
    hidden_size,
    num_hidden_layers,
    num_attention_heads: hidden_size / 64,
    image_size: 224,
    num_labels: 1000,
    ...more,
  });

describe("GMACs and parameters of the other families as their papers state them", () => {
  const lvvit = (hidden: number, layers: number) => paperModel("lvvit", hidden, layers, { skip_lam: 2 });
  const t2t = (tokens_type: string) => (hidden: number, layers: number) =>
    paperModel("t2t_vit", hidden, layers, { tokens_type });

  it.each([
    // LV-ViT's own count of 6.6 GMACs includes its dense head. The paper's 25.8 million parameters of LV-ViT-S do not.
    ["LV-ViT-S", lvvit(384, 16), "6.6", 26.2],
    ["LV-ViT-M", lvvit(512, 20), "12.7", 55.8],
    ["T2T-ViT-14", t2t("performer")(384, 14), "4.8", 21.5],
    ["T2T-ViT-19", t2t("performer")(448, 19), "8.5", 39.2],
    ["T2T-ViT-24", t2t("performer")(512, 24), "13.7", 64.1],
    ["T2T-ViT-t-14", t2t("transformer")(384, 14), "6.1", 21.5],
    ["T2T-ViT-t-19", t2t("transformer")(448, 19), "9.8", 39.2],
    ["T2T-ViT-t-24", t2t("transformer")(512, 24), "15.0", 64.1],
  ])("%s", (_name, config, gmacs, millions) => {
    expect(modelCost(config).gmacs.toFixed(1)).toBe(gmacs);
    const parameters = Object.entries(weightShapes(config)).filter(([name]) => !name.includes("running"));
    expect(parameters.reduce((sum, [, shape]) => sum + sizeOf(shape), 0) / 1e6).toBeCloseTo(millions, 1);
  });

  it("LV-ViT-S comes to the paper's 4.6 GMACs with 50 tokens removed in three blocks", () => {
    const reduction = { layers: [4, 8, 12], tokensRemoved: 50, threshold: 7e-5 };
    expect(modelCost(lvvit(384, 16), reduction).gmacs.toFixed(1)).toBe("4.6");
  });

  it("counts the three matrices of SwiGLU, both halves of DINOv2's head, and CLIP's projection", () => {
    const dinov2 = paperModel("dinov2", 384, 12, { patch_size: 14 });
    const gated = modelCost({ ...dinov2, mlp: "swiglu" });
    expect(gated.blocks[0]!.mlpMacs).toBe((modelCost(dinov2).blocks[0]!.mlpMacs * 3) / 2);
    expect(modelCost(dinov2).headMacs).toBe(2 * 384 * 1000);
    expect(modelCost({ ...dinov2, labels: [], projection: 512 }).headMacs).toBe(384 * 512);
  });
});

describe("cost per block", () => {
  const { blocks, totalMacs, embeddingMacs, headMacs } = modelCost(deit(384, 6), publishedReduction);

  it("lets attention see the tokens before, and the MLP those after a reduction", () => {
    expect(blocks.map((block) => block.attentionTokens)).toEqual([
      197, 197, 197, 197, 147, 147, 147, 97, 97, 97, 49, 49,
    ]);
    expect(blocks.map((block) => block.mlpTokens)).toEqual([197, 197, 197, 147, 147, 147, 97, 97, 97, 49, 49, 49]);
  });

  it("adds up", () => {
    const sum = blocks.reduce((total, block) => total + block.attentionMacs + block.mlpMacs, embeddingMacs + headMacs);
    expect(totalMacs).toBe(sum);
    expect(embeddingMacs).toBe(196 * 768 * 384);
  });

  it("keeps the overhead of matching below one percent", () => {
    const overhead = blocks.reduce((total, block) => total + block.reductionMacs, 0);
    expect(overhead).toBeGreaterThan(0);
    expect(overhead / totalMacs).toBeLessThan(0.01);
  });
});

describe("the comparison policies", () => {
  const config = deit(384, 6);
  const schedule = { layers: [3, 6, 9], tokensRemoved: 48 };

  it("cost what PPT costs where they leave as many tokens", () => {
    const { gmacs } = modelCost(config, { ...schedule, threshold: "pool" });
    for (const policy of ["tome", "top-k", "evit", "diffrate", "pitome"] as const)
      expect(modelCost(config, { ...schedule, policy }).gmacs).toBe(gmacs);
  });

  it("have the GMACs of ToMe's paper: 13 tokens in every block of DeiT-S are 2.7", () => {
    const everywhere = { layers: Array.from({ length: 12 }, (_, i) => i), tokensRemoved: 13, policy: "tome" } as const;
    expect(modelCost(config, everywhere).gmacs.toFixed(1)).toBe("2.7");
  });

  it("compare tokens only where they match them", () => {
    const [tome, topK] = (["tome", "top-k"] as const).map(
      (policy) => modelCost(config, { ...schedule, policy }).blocks[3]!.reductionMacs,
    );
    expect(tome! - topK!).toBe(197 * 197 * 64);
    const [merging, pruning] = [0.99, 1].map(
      (pruneShare) => modelCost(config, { ...schedule, policy: "diffrate", pruneShare }).blocks[3]!.reductionMacs,
    );
    expect(merging! - pruning!).toBe(197 * 197 * 64);
  });
});

import { modelCost, parseModelConfig, publishedReduction } from "@ppt-vit/core";
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
    for (const policy of ["tome", "top-k", "evit"] as const)
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
  });
});

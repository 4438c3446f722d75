import {
  completeReduction,
  defaultReduction,
  describeReduction,
  mergeReduction,
  modelCost,
  parseModelConfig,
  parseReduction,
  parseWrittenReduction,
  publishedReduction,
  reductionPreset,
  reductionPresetNames,
  writtenReduction,
} from "@ppt-vit/core";
import { describe, expect, it } from "vitest";
import { type ModelGeometry, planReduction } from "../src/reduction/schedule.js";

const deit = { layers: 12, tokens: 197, protectedTokens: 1 };
const base = { layers: [3, 6, 9], tokensRemoved: 50, threshold: 7e-5 };

describe("planReduction", () => {
  it("clamps to half of the tokens: 197 -> 147 -> 97 -> 49", () => {
    const { stages } = planReduction(base, deit);
    expect(stages.map((stage) => stage.tokensOut)).toEqual([147, 97, 49]);
    expect(stages.at(-1)!.removed).toBe(48);
  });

  it("takes one count per layer, and skips a layer that removes nothing", () => {
    const { stages } = planReduction({ ...base, tokensRemoved: [10, 0, 20] }, deit);
    expect(stages.map(({ layer, tokensOut }) => [layer, tokensOut])).toEqual([
      [3, 187],
      [9, 167],
    ]);
  });

  it("turns 0 and Infinity into actions", () => {
    const stageAt = (threshold: number) => planReduction({ ...base, threshold }, deit).stages[0]!;
    expect(stageAt(0).action).toBe("prune");
    expect(stageAt(Number.POSITIVE_INFINITY).action).toBe("pool");
    expect(stageAt(7e-5)).toMatchObject({ action: "byImage", decidesAt: 7e-5, settings: { threshold: 7e-5 } });
  });

  it("divides a scale-free threshold by the square of the unprotected tokens of each stage", () => {
    const { stages } = planReduction({ ...base, threshold: { scaleFree: 2.69 } }, deit);
    expect(stages[0]!.decidesAt).toBeCloseTo(7.0e-5, 6);
    expect(stages.map((stage) => stage.decidesAt)).toEqual([2.69 / 196 ** 2, 2.69 / 146 ** 2, 2.69 / 96 ** 2]);
  });

  it("takes shares of the unprotected tokens that are there, rounded down, at any resolution", () => {
    const shares = { ...base, tokensRemoved: { share: 0.25 } };
    expect(planReduction(shares, deit).stages.map((stage) => stage.removed)).toEqual([49, 36, 27]);
    const large = { layers: 12, tokens: 578, protectedTokens: 2 };
    expect(planReduction(shares, large).stages.map((stage) => stage.removed)).toEqual([144, 108, 81]);
    // 0.29 * 100 is 28.999999999999996
    const hundred = { layers: 12, tokens: 101, protectedTokens: 1 };
    expect(planReduction({ ...shares, tokensRemoved: { share: 0.29 } }, hundred).stages[0]!.removed).toBe(29);
  });

  it("takes shares and counts side by side, and clamps both", () => {
    const { stages } = planReduction({ ...base, tokensRemoved: [{ share: 0.1 }, 20, { share: 1 }] }, deit);
    expect(stages.map((stage) => stage.removed)).toEqual([19, 20, 78]);
  });

  it.each([
    ["tome", "pool", true, 98],
    ["top-k", "prune", false, 195],
    ["evit", "fuse", false, 195],
    ["diffrate", "pool", true, 195],
    ["pitome", "pool", true, 98],
  ] as const)(
    "does the same to every image in every stage of %s: %s",
    (policy, action, proportionalAttention, most) => {
      const plan = planReduction({ layers: [0, 5], tokensRemoved: [1000, 3], policy }, deit);
      expect(plan.stages[0]).toMatchObject({ policy: { name: policy }, action, removed: most });
      expect(plan.proportionalAttention).toBe(proportionalAttention);
      const asked = { layers: [0], tokensRemoved: 3, policy, proportionalAttention: !proportionalAttention };
      expect(planReduction(asked, deit).proportionalAttention).toBe(!proportionalAttention);
    },
  );

  // The most are the unprotected even positions (set A), if set B has an unprotected token to merge into.
  it.each([
    { tokens: 197, protectedTokens: 1, most: 98 },
    { tokens: 26, protectedTokens: 1, most: 12 },
    { tokens: 66, protectedTokens: 2, most: 32 },
    { tokens: 3, protectedTokens: 1, most: 1 },
    { tokens: 2, protectedTokens: 1, most: 0 },
    { tokens: 3, protectedTokens: 2, most: 0 },
    { tokens: 1, protectedTokens: 1, most: 0 },
    { tokens: 9, protectedTokens: 5, most: 2 },
  ])("removes at most $most of $tokens tokens, $protectedTokens protected", ({ tokens, protectedTokens, most }) => {
    const { stages } = planReduction(
      { layers: [0], tokensRemoved: 1000, threshold: "pool" },
      { layers: 1, tokens, protectedTokens },
    );
    expect(stages[0]?.removed ?? 0).toBe(most);
  });

  it("scores by the class token where there is one, by the mean query elsewhere, or as each layer says", () => {
    const scores = (settings: object, model = deit as ModelGeometry) =>
      planReduction({ ...base, ...settings }, model).stages.map(({ score }) => score);
    const without = { ...deit, tokens: 196, protectedTokens: 0, classToken: false };
    expect(scores({})).toEqual(["class", "class", "class"]);
    expect(scores({}, without)).toEqual(["mean", "mean", "mean"]);
    expect(scores({ score: "mean" })).toEqual(["mean", "mean", "mean"]);
    // The middle layer removes nothing, so its stage is left out, and so is its score.
    expect(scores({ score: ["class", "class", "mean"], tokensRemoved: [9, 0, 9] })).toEqual(["class", "mean"]);
    expect(() => scores({ score: "class" }, without)).toThrow("score 'class' needs a class token");
    expect(planReduction(planReduction(base, deit), without).stages[0]!.score).toBe("mean");
  });

  it("names a layer that does not exist", () => {
    expect(() => planReduction({ ...base, layers: [3, 12] }, deit)).toThrow(
      "layer 12 does not exist: the model has 12 blocks, 0 to 11",
    );
  });
});

describe("a reduction", () => {
  it("is parsed once, and resolved once for a model", () => {
    const settings = parseReduction({ ...base, tokensRemoved: [{ share: 0.5 }, 3, 3] });
    expect(parseReduction(settings)).toBe(settings);
    expect(completeReduction(completeReduction(settings))).toEqual(completeReduction(settings));
    const plan = planReduction(settings, deit);
    expect(plan.settings).toBe(settings);
    expect(planReduction(plan, { ...deit })).toBe(plan);
    expect(planReduction(plan, { ...deit, tokens: 578 })).toEqual(planReduction(settings, { ...deit, tokens: 578 }));
  });

  it("that was parsed cannot be changed behind the parser's back", () => {
    const given = { ...base, layers: [...base.layers], threshold: { scaleFree: 2 } };
    const { layers, threshold } = parseReduction(given);
    expect(() => (layers as number[]).push(11)).toThrow(TypeError);
    expect(Object.isFrozen(threshold)).toBe(true);
    // The user's own object must not be frozen.
    given.layers.push(11);
    expect(layers).toEqual([3, 6, 9]);
  });
});

describe("parseReduction", () => {
  it.each([
    [0, "prune"],
    [Number.POSITIVE_INFINITY, "pool"],
    [{ scaleFree: 0 }, "prune"],
    [{ scaleFree: Number.POSITIVE_INFINITY }, "pool"],
    [{ scaleFree: 2 }, { scaleFree: 2 }],
  ])("reads the threshold %o as %o, which JSON can hold", (threshold, expected) => {
    const parsed = parseReduction({ ...base, threshold });
    expect(parsed.threshold).toEqual(expected);
    expect(parseReduction(JSON.parse(JSON.stringify(parsed)))).toEqual(parsed);
  });
});

describe("parseReduction refuses", () => {
  it.each([
    ["no object", null, "expected an object"],
    ["an array", [], "expected an object"],
    ["an unknown field", { ...base, tresholds: 1 }, "unknown field 'tresholds'"],
    ["negative counts", { ...base, tokensRemoved: -1 }, "tokensRemoved must be a count"],
    ["fractions", { ...base, tokensRemoved: 1.5 }, "tokensRemoved must be a count"],
    ["a list that does not match", { ...base, tokensRemoved: [1, 2] }, "tokensRemoved has 2 entries for 3 layers"],
    ["NaN", { ...base, threshold: Number.NaN }, "threshold must be"],
    ["a negative threshold", { ...base, threshold: -1 }, "threshold must be"],
    ["a word that is no policy", { ...base, threshold: "both" }, 'got "both"'],
    ["a scale-free NaN", { ...base, threshold: { scaleFree: Number.NaN } }, "threshold must be"],
    ["a score of nobody", { ...base, score: "cls" }, "score must be 'class' or 'mean'"],
    ["a score that does not match", { ...base, score: ["mean"] }, "score has 1 entry for 3 layers"],
    ["repeated layers", { ...base, layers: [3, 3] }, "layers must ascend"],
    ["negative layers", { ...base, layers: [-1] }, "layers must be"],
    ["a missing threshold", { layers: [3], tokensRemoved: 5 }, "got undefined"],
    ["a share beyond all", { ...base, tokensRemoved: { share: 1.1 } }, "tokensRemoved must be a count"],
    ["a share that is text", { ...base, tokensRemoved: { share: "25%" } }, "tokensRemoved must be a count"],
    ["a share with more", { ...base, tokensRemoved: { share: 0.1, of: 3 } }, "tokensRemoved must be a count"],
    ["a bad share in a list", { ...base, tokensRemoved: [1, { share: -0.1 }, 2] }, "tokensRemoved must hold counts"],
    ["an unknown policy", { ...base, policy: "toString" }, "policy must be one of ppt, tome, top-k, evit"],
    ["a threshold that nobody reads", { ...base, policy: "tome" }, "policy 'tome' has no threshold"],
    ["half an identity", { ...base, model: { name: "demo" } }, "model must be { name, fingerprint }"],
    ["a flag that is none", { ...base, proportionalAttention: "no" }, "proportionalAttention must be true or false"],
  ])("%s", (_name, value, message) => {
    expect(() => parseReduction(value)).toThrow(message);
    expect(() => parseReduction(value)).toThrow(expect.objectContaining({ code: "INVALID_REDUCTION" }));
  });
});

describe("mergeReduction", () => {
  const own = { ...base, proportionalAttention: false };

  it("fills what is left out", () => {
    expect(mergeReduction(own, { tokensRemoved: 10 })).toEqual({ ...own, tokensRemoved: 10 });
  });

  it("drops what belongs to another policy, and keeps the schedule", () => {
    expect(mergeReduction(own, { policy: "tome" })).toEqual({
      layers: [3, 6, 9],
      tokensRemoved: 50,
      policy: "tome",
    });
    expect(mergeReduction(own, { policy: "ppt" })).toEqual({ ...own, policy: "ppt" });
    expect(() => mergeReduction({ layers: [1], tokensRemoved: 2, policy: "evit" }, { policy: "ppt" })).toThrow(
      "threshold must be",
    );
  });
});

describe("completeReduction", () => {
  it("leaves nothing to other settings", () => {
    const whole = completeReduction(publishedReduction);
    expect(mergeReduction({ ...base, score: "mean" }, whole)).toEqual(whole);
    expect(mergeReduction({ ...base, score: "mean" }, { tokensRemoved: 3 }).score).toBe("mean");
    expect(whole).toEqual({ ...publishedReduction, policy: "ppt", proportionalAttention: true });
    expect(mergeReduction({ ...base, proportionalAttention: false, tokensRemoved: 3 }, whole)).toEqual(whole);
    expect(completeReduction({ layers: [1], tokensRemoved: 2, policy: "evit" }).proportionalAttention).toBe(false);
  });
});

describe("presets", () => {
  it.each(["deit-tiny-paper", "deit-small-paper", "deit-base-paper"])("%s is the published setting", (name) => {
    expect(reductionPreset(name)).toEqual({ layers: [3, 6, 9], tokensRemoved: 50, threshold: 7e-5 });
  });

  it("are all correct settings", () => {
    for (const name of reductionPresetNames)
      expect(parseReduction(reductionPreset(name))).toEqual(reductionPreset(name));
  });

  it("names them where there is none of that name", () => {
    expect(() => reductionPreset("deit-huge-paper")).toThrow("there are deit-tiny-paper, deit-small-paper");
  });
});

describe("defaultReduction", () => {
  const base = { num_attention_heads: 12, hidden_size: 768, num_hidden_layers: 12 };
  const vit = (image_size: number, patch_size = 16, more: object = {}) =>
    parseModelConfig({ ...base, model_type: "vit", intermediate_size: 3072, image_size, patch_size, ...more });

  it("is the published one itself for 196 patches, whatever special tokens stand before them", () => {
    const siglip = parseModelConfig({ ...base, model_type: "siglip_vision_model", image_size: 224, patch_size: 16 });
    const deit = vit(224, 16, { model_type: "deit", architectures: ["DeiTForImageClassificationWithTeacher"] });
    expect(deit.distillationToken).toBe(true);
    for (const config of [vit(224), deit, siglip]) expect(defaultReduction(config)).toBe(publishedReduction);
  });

  it.each([
    [vit(384), 147, 8.11e-6],
    [vit(224, 14), 65, 4.1e-5],
    [vit(518, 14), 349, 1.43e-6],
    [vit(224, 32), 13, 1.12e-3],
  ])(
    "removes the same part of other numbers of patches, and prunes the same pictures (%#)",
    (config, count, threshold) => {
      const reduction = defaultReduction(config);
      expect(reduction).toEqual({ layers: [3, 6, 9], tokensRemoved: count, threshold });
      const tokens = (of: typeof config, settings: typeof reduction) =>
        modelCost(of, settings).blocks.map(({ mlpTokens, attentionTokens }) => mlpTokens / attentionTokens);
      const paper = tokens(vit(224), publishedReduction);
      tokens(config, reduction).forEach((share, i) => void expect(share).toBeCloseTo(paper[i]!, 1));
      // N^2 * variance does not depend on N, so neither does the decision.
      const patches = modelCost(config).blocks[0]!.attentionTokens - 1;
      expect(patches ** 2 * threshold).toBeCloseTo(196 ** 2 * 7e-5, 1);
    },
  );

  it("saves at least as much for SigLIP at 384 pixels as at 224", () => {
    const saved = (image_size: number) => {
      const config = parseModelConfig({ model_type: "siglip_vision_model", image_size });
      return modelCost(config).gmacs / modelCost(config, defaultReduction(config)).gmacs;
    };
    expect(saved(224)).toBeCloseTo(1.56, 1);
    expect(saved(384)).toBeGreaterThan(saved(224));
  });
});

describe("a policy per layer", () => {
  const mixed = {
    ...{ version: 2, layers: [2, 4, 6], tokensRemoved: [70, 50, 30] },
    policy: ["ppt", "diffrate", "evit"],
    threshold: ["pool", null, null],
  };

  it("gives each stage its policy, with its own settings and limits", () => {
    const { stages, proportionalAttention } = planReduction(parseReduction(mixed), deit);
    expect(stages.map(({ policy, action, settings }) => [policy.name, action, settings])).toEqual([
      ["ppt", "pool", { threshold: "pool" }],
      ["diffrate", "pool", { pruneShare: 0 }],
      ["evit", "fuse", {}],
    ]);
    // EViT alone would leave sizes out; the others need them.
    expect(proportionalAttention).toBe(true);
    const many = planReduction(parseReduction({ ...mixed, tokensRemoved: 1000 }), deit);
    expect(many.stages.map(({ removed }) => removed)).toEqual([98, 97]);
  });

  it("takes one setting for all layers that have it, and one per layer where there is one policy", () => {
    const { threshold, version, ...rest } = mixed;
    expect(parseReduction({ ...rest, threshold: "pool" })).toEqual(parseReduction(mixed));
    const limits = planReduction(parseReduction({ ...base, threshold: ["pool", 0.5, "prune"] }), deit);
    expect(limits.stages.map(({ settings }) => settings)).toEqual(
      ["pool", 0.5, "prune"].map((t) => ({ threshold: t })),
    );
  });

  it("is read back as it was written", () => {
    const written = JSON.parse(JSON.stringify(writtenReduction(parseReduction(mixed))));
    expect(parseReduction(written)).toEqual(parseReduction(mixed));
    expect(parseWrittenReduction({ ...written, policy: ["ppt", "diffrate", "theirs"] }).policy).toEqual([
      ...["ppt", "diffrate", "theirs"],
    ]);
    expect(completeReduction(parseReduction(mixed))).toMatchObject({
      policy: mixed.policy,
      proportionalAttention: true,
    });
  });

  it("keeps its settings where others are merged over it, until the policies change", () => {
    expect(mergeReduction(parseReduction(mixed), { score: "mean" })).toMatchObject({
      ...{ policy: mixed.policy, threshold: mixed.threshold, score: "mean" },
    });
    expect(mergeReduction(parseReduction(mixed), { policy: "tome" })).toEqual({
      ...{ layers: mixed.layers, tokensRemoved: mixed.tokensRemoved, policy: "tome" },
    });
  });

  it("is described block by block", () => {
    expect(describeReduction(parseReduction({ ...mixed, score: ["class", "mean", "mean"] }))).toBe(
      "block 2: 70 tokens by ppt, threshold pool, score of the class token; " +
        "block 4: 50 tokens by diffrate, pruneShare 0 %, score of the mean query; " +
        "block 6: 30 tokens by evit, score of the mean query",
    );
    expect(describeReduction({ ...base, layers: [3, 6], threshold: [1, "pool"] })).toBe(
      "block 3: 50 tokens by ppt, threshold 1; block 6: 50 tokens by ppt, threshold pool",
    );
  });

  it.each([
    ["too few policies", { policy: ["ppt", "tome"] }, "policy has 2 entries for 3 layers"],
    ["none for a layer", { policy: ["ppt", null, "tome"] }, "policy must be one of ppt, tome"],
    ["too few settings", { threshold: ["pool"] }, "threshold has 1 entries for 3 layers"],
    ["a setting that nobody reads", { threshold: ["pool", 1, null] }, "policy 'diffrate' has no threshold: write null"],
    ["a setting that is missing", { threshold: [null, null, null] }, "threshold must be a number of at least 0"],
    ["an older version", { version: 1 }, "a policy per layer needs version 2, got version 1"],
    ["a newer version", { version: 3 }, "version must be 1 or 2, got 3"],
  ])("refuses %s", (_what, wrong, message) => {
    expect(() => parseReduction({ ...mixed, ...wrong })).toThrow(`reduction: ${message}`);
  });
});

describe("describeReduction", () => {
  it.each([
    [base, "blocks 3, 6, 9, 50 tokens each, threshold 0.00007"],
    [
      {
        ...base,
        tokensRemoved: [50, { share: 0.125 }, 0],
        threshold: { scaleFree: 2.6891 },
        proportionalAttention: false,
      },
      "blocks 3, 6, 9, 50 tokens, 12.5 % of the tokens, 0 tokens, threshold scale-free 2.69, without proportional attention",
    ],
    [{ ...base, score: "mean" }, "blocks 3, 6, 9, 50 tokens each, threshold 0.00007, score of the mean query"],
    [
      { ...base, score: ["class", "mean", "mean"] },
      "blocks 3, 6, 9, 50 tokens each, threshold 0.00007, scores of class, mean, mean",
    ],
    [{ layers: [0, 1], tokensRemoved: { share: 0.3 }, policy: "evit" }, "evit in blocks 0, 1, 30 % of the tokens each"],
    [
      { layers: [0, 1], tokensRemoved: 9, policy: "diffrate", pruneShare: 0.125 },
      "diffrate in blocks 0, 1, 9 tokens each, pruneShare 12.5 %",
    ],
  ] as const)("%o", (reduction, text) => {
    expect(describeReduction(reduction)).toBe(text);
  });
});

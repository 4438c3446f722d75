/** Tests hostile model and reduction settings: each is refused with a PptError, or its result satisfies every invariant. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPptError, type PptErrorCode } from "../src/errors.js";
import { policyNames } from "../src/reduction/registry.js";
import { planReduction } from "../src/reduction/schedule.js";
import { parseReduction, type ReductionConfig } from "../src/reduction/settings.js";
import { patchCount, tokenCount, type VisionModelConfig } from "../src/vit/config.js";
import { parseModelConfig } from "../src/vit/parse-config.js";

/** The result, or undefined if it was refused with this code and a short message that starts with `prefix`. */
function resultOf<R>(run: () => R, code: PptErrorCode, prefix: string): R | undefined {
  try {
    return run();
  } catch (error) {
    if (!isPptError(error)) throw error;
    expect(error.code).toBe(code);
    expect(error.message.slice(0, prefix.length)).toBe(prefix);
    expect(error.message.length).toBeLessThan(1000);
    return undefined;
  }
}

const nested = (depth: number): unknown => JSON.parse("[".repeat(depth) + "]".repeat(depth));

/** Values that cannot be converted to JSON or to text. */
function unshowable(): unknown[] {
  const circular: unknown[] = [];
  circular.push(circular);
  return [nested(100_000), circular, 1n, [1n], Symbol("s"), () => 1, Object.create(null), { toString: 1 }];
}

const hostile: readonly unknown[] = [
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, -1, 0.5, 1e-320, 1e308, -1e308],
  ...[2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 + 2, Number.MAX_VALUE, Number.MIN_VALUE, 65536, 16384, 8192, 513],
  ...[
    "",
    "0",
    "1",
    "12n",
    "9007199254740993",
    "NaN",
    "1e3",
    "__proto__",
    "constructor",
    "toString",
    "x".repeat(10_000),
  ],
  ...[null, undefined, true, false, [], [[]], {}, [[1]], [null], ["1"], [1, 2, 3], nested(50)],
  ...[
    { __proto__: { length: 1 } },
    JSON.parse('{"__proto__":{"a":1}}'),
    { toString: null },
    JSON.parse('{"toString":1,"valueOf":1}'),
  ],
  ...[{ length: 2, 0: 1, 1: 1 }, { scaleFree: 1 }, { scaleFree: Number.NaN }, { scaleFree: "1" }, Array(100).fill(1)],
];
const hostileValue = fc.oneof(
  fc.constantFrom(...hostile),
  fc.integer({ min: -2, max: 400 }),
  fc.double(),
  fc.jsonValue({ maxDepth: 3 }),
);

describe("parseModelConfig", () => {
  const deit = {
    architectures: ["DeiTForImageClassificationWithTeacher"],
    hidden_act: "gelu",
    hidden_size: 192,
    image_size: 224,
    intermediate_size: 768,
    layer_norm_eps: 1e-12,
    model_type: "deit",
    num_attention_heads: 3,
    num_channels: 3,
    num_hidden_layers: 12,
    patch_size: 16,
    qkv_bias: true,
    id2label: { 0: "tench", 1: "goldfish", 2: "shark" },
  };
  const vit = {
    ...deit,
    model_type: "vit",
    architectures: ["ViTForImageClassification"],
    id2label: undefined,
    num_labels: 7,
    image_size: [32, 48],
    patch_size: [8, 16],
  };
  const sizes = { hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, image_size: 28, patch_size: 14 };
  const vision = { ...sizes, intermediate_size: 64, projection_dim: 8, hidden_act: "quick_gelu", layer_norm_eps: 1e-5 };
  /** One configuration of each family that is not a plain ViT. */
  const families: readonly Readonly<Record<string, unknown>>[] = [
    { ...sizes, model_type: "vit_mae", architectures: ["ViTMAEForPreTraining"], use_mean_pooling: true },
    { ...sizes, model_type: "dinov2", mlp_ratio: 4, use_swiglu_ffn: true, num_labels: 3 },
    { ...sizes, model_type: "dinov2_with_registers", num_register_tokens: 4, architectures: ["Dinov2Model"] },
    { model_type: "clip", projection_dim: 8, vision_config: vision },
    { ...vision, model_type: "clip_vision_model", architectures: ["CLIPVisionModel"] },
    { ...sizes, model_type: "lvvit", stem_channels: 64, skip_lam: 2, dense_head: true, num_labels: 3 },
    {
      ...sizes,
      model_type: "t2t_vit",
      image_size: 32,
      patch_size: 16,
      tokens_type: "performer",
      token_dim: 64,
      qk_scale: 0.1,
    },
    {
      architecture: "vit_small_patch14_reg4_dinov2",
      num_classes: 2,
      global_pool: "token",
      label_names: ["n01", "n02"],
      label_descriptions: { n01: "tench" },
      model_args: { img_size: 28 },
      pretrained_cfg: { input_size: [3, 28, 28] },
    },
  ];
  const fields = [
    ...Object.keys(deit),
    "num_labels",
    "distilled",
    "global_pool",
    "use_mean_pooling",
    "__proto__",
    "other",
  ];

  const parse = (json: unknown) => resultOf(() => parseModelConfig(json), "INVALID_CONFIG", "config: ");

  function expectSound(config: VisionModelConfig): void {
    const { imageSize, patchSize, channels, hiddenSize, layers, heads, intermediateSize, labels } = config;
    for (const count of [...imageSize, ...patchSize, channels, hiddenSize, layers, heads, intermediateSize])
      expect(Number.isSafeInteger(count) && count >= 1).toBe(true);
    expect(imageSize).toHaveLength(2);
    expect(patchSize).toHaveLength(2);
    expect(hiddenSize % heads).toBe(0);
    expect(Number.isSafeInteger(patchCount(config)) && patchCount(config) >= 1).toBe(true);
    const { registerTokens = 0, attentionScale = 1, residualDivisor = 1, projection = 1, stem } = config;
    expect(tokenCount(config)).toBe(patchCount(config) + (config.distillationToken ? 2 : 1) + registerTokens);
    for (const factor of [attentionScale, residualDivisor]) expect(factor > 0 && factor < 1e6).toBe(true);
    const widths = stem ? [stem.channels ?? stem.width] : [];
    for (const count of [projection, ...widths]) expect(Number.isSafeInteger(count) && Number(count) >= 1).toBe(true);
    expect(tokenCount(config)).toBeLessThan(100_000);
    expect(config.layerNormEpsilon > 0 && config.layerNormEpsilon < 1).toBe(true);
    expect(["gelu", "gelu_tanh", "quick_gelu", "relu", "silu"]).toContain(config.activation);
    expect(["class", "mean", "class+mean"]).toContain(config.pooling);
    for (const flag of [config.qkvBias, config.distillationToken, config.distillationHead])
      expect(typeof flag).toBe("boolean");
    expect(config.distillationHead && !config.distillationToken).toBe(false);
    expect(labels.length).toBeLessThanOrEqual(1_000_000);
    expect(labels.every((label) => typeof label === "string")).toBe(true);
  }

  it("survives fields exchanged for hostile values", () => {
    let accepted = 0;
    let refused = 0;
    const change = fc.tuple(fc.constantFrom(...fields), hostileValue);
    fc.assert(
      fc.property(fc.constantFrom(deit, vit), fc.array(change, { minLength: 1, maxLength: 3 }), (seed, changes) => {
        const json = Object.fromEntries([...Object.entries(seed), ...changes]);
        const config = parse(json);
        if (config) expectSound(config);
        if (config) accepted++;
        else refused++;
      }),
      { seed: 21, numRuns: 6000 },
    );
    expect(accepted).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(2000);
  });

  it.each(families)("survives hostile values in every family: $model_type $architecture", (seed) => {
    const names = [...Object.keys(seed), "model_type", "architectures", "id2label", "__proto__"];
    const inner = Object.entries(seed).filter(([, value]) => typeof value === "object" && !Array.isArray(value));
    const change = fc.tuple(fc.constantFrom(...names), hostileValue);
    let refused = 0;
    const expectSafe = (json: unknown) => {
      const config = parse(json);
      if (config) expectSound(config);
      else refused++;
    };
    expect(parse(seed)).toBeDefined();
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        expectSafe(Object.fromEntries([...Object.entries(seed), ...changes]));
        // The same field one level deeper, for families that nest their settings.
        for (const [name, value] of inner)
          for (const [field] of Object.entries(value as object))
            expectSafe({ ...seed, [name]: { ...(value as object), [field]: changes[0]![1] } });
      }),
      { seed: 24, numRuns: 800 },
    );
    expect(refused).toBeGreaterThan(200);
  });

  it("survives fields left out, and text mutated before it is parsed", () => {
    const text = JSON.stringify(deit);
    const piece = fc.constantFrom(
      ...'0 1 9 - . e 1e400 null true [] {} [ ] { } , : " __proto__ 18446744073709551616'.split(" "),
    );
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...fields)),
        fc.nat(text.length),
        fc.nat(6),
        piece,
        (left, at, removed, inserted) => {
          const rest = Object.entries(deit).filter(([name]) => !left.includes(name));
          const config = parse(Object.fromEntries(rest));
          if (config) expectSound(config);
          let json: unknown;
          try {
            json = JSON.parse(text.slice(0, at) + inserted + text.slice(at + removed));
          } catch {
            return;
          }
          const mutated = parse(json);
          if (mutated) expectSound(mutated);
        },
      ),
      { seed: 22, numRuns: 3000 },
    );
  });

  it("survives anything at all in place of a config", () => {
    fc.assert(
      fc.property(fc.oneof(hostileValue, fc.anything()), (json) => {
        expect(parse(json)).toBe(undefined);
      }),
      { seed: 23, numRuns: 1000 },
    );
  });

  it.each(fields)("%s: a value nested beyond the stack, one that JSON cannot show, one without toString", (field) => {
    for (const value of unshowable()) {
      const config = parse(Object.fromEntries([...Object.entries(vit), [field, value]]));
      if (config) expectSound(config);
    }
  });

  it("bounds the number of labels however they are given", () => {
    const id2label = Object.fromEntries(Array.from({ length: 1_000_001 }, (_, i) => [i, "x"]));
    expect(parse({ ...deit, id2label })?.labels.length).toBe(undefined);
    expect(parse({ ...vit, num_labels: 1_000_001 })?.labels.length).toBe(undefined);
  });

  it("lends no class name out of Object.prototype", () => {
    expect(parse({ ...deit, id2label: JSON.parse('{"0":"a","__proto__":"b"}') })).toBe(undefined);
    expect(parse({ ...deit, id2label: { 0: "a", 2: "b" } })).toBe(undefined);
    expect(parse({ ...deit, hidden_act: "constructor" })).toBe(undefined);
  });
});

describe("parseReduction and planReduction", () => {
  const seeds: readonly object[] = [
    { layers: [3, 6, 9], tokensRemoved: 16, threshold: 7e-5 },
    {
      layers: [0, 1, 2, 3],
      tokensRemoved: [8, 8, 4, 400],
      threshold: { scaleFree: 2.7 },
      proportionalAttention: false,
    },
    { layers: [], tokensRemoved: 0, threshold: "prune" },
    { layers: [1, 2], tokensRemoved: [{ share: 0.5 }, 7], policy: "evit", model: { name: "m", fingerprint: "0" } },
    { layers: [0, 1, 2], tokensRemoved: { share: 0.2 }, policy: "tome" },
    {
      version: 2,
      layers: [0, 1, 2],
      tokensRemoved: 3,
      policy: ["ppt", "diffrate", "tome"],
      threshold: [1, null, null],
    },
  ];
  const fields = [
    ...["layers", "tokensRemoved", "threshold", "proportionalAttention", "policy", "model", "calibration"],
    ...["version", "pruneShare", "other", "__proto__"],
  ];

  const parse = (value: unknown) => resultOf(() => parseReduction(value), "INVALID_REDUCTION", "reduction: ");

  const isCount = (n: unknown) => Number.isInteger(n) && typeof n === "number" && n >= 0;
  const isShare = (n: unknown) =>
    typeof n === "object" && n !== null && "share" in n && Number(n.share) >= 0 && Number(n.share) <= 1;
  const isRemoved = (n: unknown) => isCount(n) || isShare(n);

  function expectSoundConfig(config: ReductionConfig): void {
    const { layers, tokensRemoved, threshold, proportionalAttention, policy = "ppt", model } = config;
    expect(Array.from(layers).every(isCount)).toBe(true);
    expect(Array.from(layers).every((layer, i) => i === 0 || layer > layers[i - 1]!)).toBe(true);
    if (!Array.isArray(tokensRemoved)) expect(isRemoved(tokensRemoved)).toBe(true);
    else {
      expect(tokensRemoved).toHaveLength(layers.length);
      expect(Array.from(tokensRemoved).every(isRemoved)).toBe(true);
    }
    const entry = <T>(values: T | readonly T[], i: number) => (Array.isArray(values) ? values[i] : values) as T;
    if (Array.isArray(policy)) expect(policy).toHaveLength(layers.length);
    for (const i of [...layers.keys()]) {
      const limit = entry<unknown>(threshold, i);
      expect(policyNames).toContain(entry<unknown>(policy, i));
      expect(limit == null).toBe(entry<unknown>(policy, i) !== "ppt");
      if (typeof limit === "string") expect(["prune", "pool"]).toContain(limit);
      else if (limit != null)
        expect(typeof limit === "number" ? limit : (limit as { scaleFree: number }).scaleFree).toBeGreaterThanOrEqual(
          0,
        );
    }
    if (model) expect([typeof model.name, typeof model.fingerprint]).toEqual(["string", "string"]);
    expect([undefined, true, false]).toContain(proportionalAttention);
  }

  function expectSoundPlan(
    config: ReductionConfig,
    model: { layers: number; tokens: number; protectedTokens: number },
  ): boolean {
    const plan = resultOf(() => planReduction(config, model), "INVALID_REDUCTION", "reduction: ");
    if (!plan) return false;
    let tokens = model.tokens;
    let last = -1;
    for (const stage of plan.stages) {
      expect(Number.isInteger(stage.layer) && stage.layer > last && stage.layer < model.layers).toBe(true);
      last = stage.layer;
      expect(stage.tokensIn).toBe(tokens);
      expect(Number.isInteger(stage.removed) && stage.removed >= 1).toBe(true);
      expect(stage.tokensOut).toBe(stage.tokensIn - stage.removed);
      tokens = stage.tokensOut;
      // Protected tokens stay, and each merged token has a partner.
      expect(tokens).toBeGreaterThan(model.protectedTokens);
      expect(stage.protectedTokens).toBe(model.protectedTokens);
      if (stage.action === "byImage") expect(stage.decidesAt! > 0 && Number.isFinite(stage.decidesAt)).toBe(true);
      else expect(["prune", "pool", "fuse"]).toContain(stage.action);
    }
    return true;
  }

  const model = fc.record({
    layers: fc.integer({ min: 1, max: 512 }),
    tokens: fc.integer({ min: 1, max: 1000 }),
    protectedTokens: fc.integer({ min: 0, max: 2 }),
  });

  it("survive fields exchanged for hostile values", () => {
    let planned = 0;
    let refused = 0;
    const change = fc.tuple(fc.constantFrom(...fields), hostileValue);
    fc.assert(
      fc.property(fc.constantFrom(...seeds), fc.array(change, { maxLength: 2 }), model, (seed, changes, geometry) => {
        const config = parse(Object.fromEntries([...Object.entries(seed), ...changes]));
        if (config) expectSoundConfig(config);
        if (config && expectSoundPlan(config, geometry)) planned++;
        else refused++;
      }),
      { seed: 31, numRuns: 6000 },
    );
    expect(planned).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(1000);
  });

  it("survive anything at all", () => {
    fc.assert(
      fc.property(fc.oneof(hostileValue, fc.anything()), (value) => {
        expect(parse(value)).toBe(undefined);
      }),
      { seed: 32, numRuns: 1000 },
    );
  });

  it("plan every correct schedule, and remove no more than can be matched", () => {
    const layers = fc.uniqueArray(fc.nat(11), { maxLength: 12 }).map((all) => all.sort((a, b) => a - b));
    const threshold = fc.oneof(
      fc.constantFrom<"prune" | "pool">("prune", "pool"),
      fc.double({ min: 0, noNaN: true }),
      fc.double({ min: 0, noNaN: true }).map((scaleFree) => ({ scaleFree })),
    );
    fc.assert(
      fc.property(layers, fc.nat(400), threshold, model, (blocks, tokensRemoved, chosen, geometry) => {
        const config = { layers: blocks, tokensRemoved, threshold: chosen };
        expect(expectSoundPlan(config, { ...geometry, layers: 12 })).toBe(true);
      }),
      { seed: 33, numRuns: 2000 },
    );
  });

  it.each(fields)("%s: a value nested beyond the stack, one that JSON cannot show, a list with holes", (field) => {
    const holes: unknown[] = [];
    holes[2] = 1;
    for (const value of [...unshowable(), holes]) {
      const config = parse(Object.fromEntries([...Object.entries(seeds[0]!), [field, value]]));
      if (config) expectSoundConfig(config);
    }
  });
});

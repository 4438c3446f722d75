/** Tests a user's own policy in every function that takes a reduction. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { tinyConfig } from "@ppt-vit/conformance";
import {
  completeReduction,
  createVisionModel,
  describeReduction,
  findVerificationRecord,
  hostTensor,
  isPptError,
  mergeReduction,
  modelCost,
  parseReduction,
  parseWrittenReduction,
  type ReductionConfig,
  type ReductionPolicy,
  randomWeights,
  recordVerification,
  verifyModel,
  weightsFrom,
  writtenReduction,
} from "@ppt-vit/core";
import { describe, expect, it } from "vitest";
import { policies } from "../src/policy.js";
import { ownPolicy } from "./own-policy.js";

const policy = ownPolicy();
const fail = (): never => {
  throw new Error("boom");
};
const circle: unknown[] = [];
circle.push(circle);
const reduction: ReductionConfig = { layers: [0, 1], tokensRemoved: 3, policy };

const open = (given: ReductionConfig) =>
  createVisionModel({
    config: tinyConfig,
    weights: weightsFrom(randomWeights(tinyConfig, 1)),
    backend: createCpuBackend(),
    reduction: given,
    outputs: { source: true },
  });

describe("a policy of one's own", () => {
  it("runs, and is reported by what it does", async () => {
    const model = await open(reduction);
    const [H, W] = tinyConfig.imageSize;
    const { source, stages } = await model.run({ pixelValues: hostTensor([2, 3, H, W], Math.sin).data, batch: 2 });
    expect(model.tokens).toEqual([16, 13, 10]);
    expect(stages.map(({ policies }) => policies)).toEqual([
      ["prune", "prune"],
      ["prune", "prune"],
    ]);
    // Row i is still token i, and the last six are gone.
    const kept = hostTensor([2, 10, 16], (i) => (i % 16 === Math.floor(i / 16) % 10 ? 1 : 0));
    expect(source).toEqual(kept);
    await model.dispose();
  });

  it("is verified against its own record, and against no other's", async () => {
    const model = await open(reduction);
    const record = await recordVerification(model, reduction);
    expect((await verifyModel(model, record, 1e-6)).difference).toBe(0);
    expect(findVerificationRecord([record], { ...reduction, tokensRemoved: [3, 3] }, tinyConfig)).toBe(record);
    expect(findVerificationRecord([record], { ...reduction, policy: "top-k" }, tinyConfig)).toBe(undefined);
    await model.dispose();
  });

  it.each<[string, (wide: boolean) => object]>([
    ["an endless number", (wide) => ({ reach: wide ? Number.POSITIVE_INFINITY : 5 })],
    ["a map", (wide) => new Map([["reach", wide]])],
  ])("is verified against no record of other settings in %s", (_what, stageSettings) => {
    const wide = { expected: "true or false", parse: (value: unknown) => value ?? false, describe: String };
    const policy = ownPolicy({
      settings: { wide },
      stageSettings: (own) => stageSettings((own as { wide: boolean }).wide),
    });
    const given = (wide: boolean) => ({ ...reduction, policy, wide });
    const record = { seed: 1, reduction: parseReduction(given(true)), logits: [1] };
    expect(findVerificationRecord([record], given(false), tinyConfig)).toBe(undefined);
  });

  it("is described, completed and merged", () => {
    expect(describeReduction(reduction)).toBe("own in blocks 0, 1, 3 tokens each");
    expect(completeReduction(reduction)).toEqual({ ...reduction, proportionalAttention: false });
    expect(mergeReduction({ layers: [0, 1], tokensRemoved: 3, threshold: "pool" }, { policy })).toEqual(reduction);
  });

  it("costs what it says, beside the averaging", () => {
    const macs = (given: ReductionPolicy) =>
      modelCost(tinyConfig, { ...reduction, policy: given }).blocks[0]!.reductionMacs;
    expect(macs(ownPolicy({ macs: ({ tokensIn }, keySize) => 1000 * tokensIn + keySize })) - macs(policy)).toBe(16_008);
  });

  it("may have settings of its own, which nobody else has", () => {
    const size = {
      expected: "1 or 2",
      parse: (value: unknown) => (value === undefined ? 1 : value === 1 || value === 2 ? value : undefined),
      describe: String,
    };
    const windowed = { ...reduction, policy: ownPolicy({ settings: { size } }) };
    expect(parseReduction(windowed)).toMatchObject({ size: 1 });
    expect(describeReduction(parseReduction({ ...windowed, size: 2 }))).toMatch(/size 2$/);
    expect(() => parseReduction({ ...windowed, size: 3 })).toThrow("reduction: size must be 1 or 2, got 3");
    expect(() => parseReduction({ ...reduction, size: 2 })).toThrow("unknown field 'size'");
    expect(() => parseReduction({ ...reduction, threshold: 1 })).toThrow("policy 'own' has no threshold");
  });

  it("is written by its name, which others can read", () => {
    const written = JSON.parse(JSON.stringify(writtenReduction(parseReduction(reduction))));
    expect(written).toEqual({ ...reduction, policy: "own" });
    expect(parseWrittenReduction(written)).toEqual(written);
    expect(describeReduction(parseWrittenReduction(written))).toBe("own in blocks 0, 1, 3 tokens each");
    expect(() => parseReduction(written)).toThrow("policy must be one of ppt, tome, top-k, evit");
    expect(() => parseWrittenReduction({ ...written, layers: [-1] })).toThrow("layers must be");
  });

  it("of the registry is its name", () => {
    const [ppt] = policies;
    expect(parseReduction({ layers: [1], tokensRemoved: 2, policy: ppt, threshold: 1 }).policy).toBe("ppt");
  });

  it.each<[string, unknown, RegExp]>([
    ["nothing", {}, /name is missing, expected a text.*destinations is missing, expected a function/],
    ["what JSON leaves of one", JSON.parse(JSON.stringify(policy)), /mostRemovable is missing.*lost its functions/],
    ["a function too few", { ...policy, action: undefined }, /whole|action is missing, expected a function$/],
    ["no colour", { ...policy, colour: "red" }, /colour is "red", expected a colour '#rrggbb'/],
    ["a name that is taken", { ...policy, name: "tome" }, /the name 'tome' is taken/],
    ["a setting that is taken", ownPolicy({ settings: { layers: {} } as never }), /the setting 'layers' is taken/],
    ["half a setting", ownPolicy({ settings: { size: { parse() {} } } as never }), /settings.size is .*expected/],
    [
      "no word for what a setting must be",
      ownPolicy({ settings: { size: { parse: fail, describe: fail } } as never }),
      /settings.size is/,
    ],
    [
      "a setting that every object has",
      ownPolicy({ settings: { constructor: {} } as never }),
      /'constructor' is taken/,
    ],
    ["a getter that fails", Object.defineProperty(ownPolicy(), "title", { get: fail }), /it cannot be read/],
    ["a proxy that fails", new Proxy(policy, { get: fail, ownKeys: fail }), /it cannot be read/],
    ["a list", [], /policy has 0 entries for 2 layers/],
    ["a function", () => policy, /policy must be one of/],
  ])("is refused with %s", (_what, given, message) => {
    expect(() => parseReduction({ ...reduction, policy: given })).toThrow(message);
    try {
      parseReduction({ ...reduction, policy: given });
    } catch (error) {
      expect(isPptError(error) && error.code).toBe("INVALID_REDUCTION");
    }
  });

  it.each<[string, Partial<ReductionPolicy>, RegExp]>([
    ["all tokens", { mostRemovable: (tokens) => tokens }, /'own': mostRemovable\(16, 1\) is 16, .* from 0 to 14/],
    ["no number", { mostRemovable: () => Number.NaN }, /mostRemovable\(16, 1\) is NaN/],
    ["by failing", { mostRemovable: fail }, /'own': mostRemovable\(16, 1\) fails: boom/],
    ["by failing to act", { action: fail }, /'own': action fails: boom/],
    [
      "no settings of a stage",
      { stageSettings: () => undefined as never },
      /'own': stageSettings is undefined, expected an object/,
    ],
    [
      "a variance that is no number",
      { decidesAt: () => Number.NaN },
      /'own': decidesAt is NaN, expected a finite number/,
    ],
    ["a cost that is no number", { macs: () => "12" as never }, /'own': macs is "12", expected a finite number/],
    [
      "by failing to parse",
      { settings: { size: { expected: "a size", parse: fail, describe: fail } } as never },
      /'own': settings.size.parse\(undefined\) fails: boom/,
    ],
    ["another action", { action: () => "merge" as never }, /'own': action is "merge", expected one of prune, pool/],
  ])("is refused where it answers %s", (_what, changes, message) => {
    expect(() => modelCost(tinyConfig, { ...reduction, policy: ownPolicy(changes) })).toThrow(
      expect.objectContaining({ code: "INVALID_REDUCTION", message: expect.stringMatching(message) }),
    );
  });

  it("is looked at again, because its owner may have changed it", () => {
    const changing: { -readonly [Field in keyof ReductionPolicy]?: ReductionPolicy[Field] } = ownPolicy();
    const given = parseReduction({ ...reduction, policy: changing as ReductionPolicy });
    delete changing.action;
    expect(() => modelCost(tinyConfig, given)).toThrow(/action is missing, expected a function/);
  });

  it.each<[string, unknown]>([
    ["no finite number", Number.POSITIVE_INFINITY],
    ["a map", new Map()],
    ["a list of functions", [fail]],
    ["a circle", circle],
  ])("has no setting that JSON cannot hold: %s", (_what, value) => {
    const size = { expected: "a size", parse: () => value, describe: String };
    expect(() => parseReduction({ ...reduction, policy: ownPolicy({ settings: { size } }) })).toThrow(
      /policy 'own': settings.size.parse\(undefined\) is .*, expected a value that JSON can hold/,
    );
  });

  it("is described without the settings whose functions JSON has lost", () => {
    const size = { expected: "a size", parse: () => 2, describe: String };
    const windowed = parseReduction({ ...reduction, policy: ownPolicy({ settings: { size } }) });
    expect(describeReduction(JSON.parse(JSON.stringify(windowed)))).toBe("own in blocks 0, 1, 3 tokens each");
  });
});

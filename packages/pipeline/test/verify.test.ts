/** Tests `verify: true`, which finds a device that computes wrongly before the first picture. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import {
  type Backend,
  findVerificationRecord,
  type HostTensor,
  parseModelConfig,
  type ReductionConfig,
  recordVerification,
} from "@ppt-vit/core";
import { describe, expect, it } from "vitest";
import { withChangedOutputs } from "../../backend-cpu/test/changed-outputs.js";
import { fromPretrained, type ModelVerification } from "../src/index.js";

/** The CPU backend with changed logits, as a wrong driver would give them. */
function wrongLogits(change: (data: Float32Array) => Float32Array): Backend {
  return withChangedOutputs(createCpuBackend(), (outputs) => {
    const { shape, data } = outputs.logits as HostTensor;
    return { ...outputs, logits: { shape, data: change(data) } };
  });
}

const differenceOf = (verification: ModelVerification | undefined): number =>
  verification && "difference" in verification ? verification.difference : Number.NaN;

describe("verification of the demo model", () => {
  it("agrees with the record on ONNX Runtime, reduced and not", async () => {
    for (const reduction of [undefined, false] as const) {
      const backend = await createOnnxBackend({ device: "cpu" });
      const { verification, dispose } = await fromPretrained("demo", { backend, reduction, verify: true });
      expect(verification).toMatchObject({ against: "verification.json", tolerance: 1e-3 });
      expect(differenceOf(verification)).toBeLessThan(1e-5);
      await dispose();
      await backend.dispose();
    }
  });

  it("asks the plain CPU backend where the settings have no record", async () => {
    const reduction = { threshold: "prune" } as const;
    const { verification, dispose } = await fromPretrained("demo", { backend: "onnx-cpu", reduction, verify: true });
    expect(verification).toMatchObject({ against: "cpu backend", tolerance: 1e-3 });
    expect(differenceOf(verification)).toBeGreaterThan(0);
    await dispose();
  });

  it.each([
    ["as recorded", { layers: [3, 6, 9], tokensRemoved: 50, threshold: 0.001 }],
    ["in another order", { threshold: 0.001, tokensRemoved: 50, layers: [3, 6, 9] }],
    ["with defaults written out", { policy: "ppt", proportionalAttention: true }],
    ["one count for each layer", { tokensRemoved: [50, 50, 50] }],
    [
      "shares of what enters each stage",
      { tokensRemoved: [{ share: 50 / 196 }, { share: 0.345 }, { share: 0.5208333 }] },
    ],
  ] as const)("finds the record of settings written %s", async (_how, reduction) => {
    const { verification, dispose } = await fromPretrained("demo", { reduction, verify: true });
    expect(verification).toMatchObject({ against: "verification.json" });
    await dispose();
  });

  it("finds the record at the checkpoint's own size, asked for by number", async () => {
    const { verification, dispose } = await fromPretrained("demo", { imageSize: 224, verify: true });
    expect(verification).toMatchObject({ against: "verification.json" });
    await dispose();
  });

  it.each([
    ["another threshold", { threshold: 0.0011 }],
    ["another count", { tokensRemoved: 49 }],
    ["another block", { layers: [3, 6, 8] }],
    ["no proportional attention", { proportionalAttention: false }],
    ["another policy", { policy: "tome" }],
  ] as const)(
    "does not take the record of %s, and never compares the CPU backend with itself",
    async (_how, reduction) => {
      const given = { ...createCpuBackend() };
      for (const backend of ["cpu", given]) {
        const { verification, dispose } = await fromPretrained("demo", { backend, reduction, verify: true });
        expect(verification).toEqual({ against: "nothing", reason: expect.stringMatching(/compared with itself/) });
        await dispose();
      }
      await given.dispose();
    },
  );

  it("is left out unless it is asked for", async () => {
    const classifier = await fromPretrained("demo");
    expect(classifier).not.toHaveProperty("verification");
    await classifier.dispose();
  });

  it.each([
    ["one logit off", (data: Float32Array) => data.map((value, i) => (i === 7 ? value + 0.1 : value))],
    ["NaN", (data: Float32Array) => data.map((value, i) => (i === 7 ? Number.NaN : value))],
  ])("refuses %s", async (_name, change) => {
    const loading = fromPretrained("demo", { backend: wrongLogits(change), verify: true });
    await expect(loading).rejects.toMatchObject({ code: "VERIFICATION_FAILED" });
    await expect(loading).rejects.toThrow(/choose another backend/);
  });
});

describe("records", () => {
  const config = parseModelConfig({
    hidden_size: 12,
    num_hidden_layers: 4,
    num_attention_heads: 2,
    intermediate_size: 24,
    image_size: 32,
    patch_size: 8,
    num_labels: 2,
  });
  const record = (reduction: ReductionConfig | null) => ({ seed: 1, reduction, logits: [1] });
  const finds = (recorded: ReductionConfig | null, wanted: ReductionConfig | undefined) =>
    findVerificationRecord([record(recorded)], wanted, config) !== undefined;
  // 17 tokens, of which 16 are patches.
  const settings: ReductionConfig = { layers: [0, 1], tokensRemoved: 4, threshold: 0.01 };

  it.each<[string, ReductionConfig]>([
    ["a scale-free threshold of the first stage alone", { ...settings, layers: [0], threshold: { scaleFree: 2.56 } }],
    ["a share", { ...settings, layers: [0], tokensRemoved: { share: 0.25 } }],
    ["a block that removes nothing", { ...settings, layers: [0, 2], tokensRemoved: [4, 0] }],
  ])("are found by %s", (_how, wanted) => {
    expect(finds({ ...settings, layers: [0] }, wanted)).toBe(true);
  });

  it("are found by what makes no difference to tokens that are never merged", () => {
    const topK: ReductionConfig = { layers: [1], tokensRemoved: 3, policy: "top-k" };
    expect(finds(topK, { ...topK, proportionalAttention: true })).toBe(true);
    expect(
      finds({ ...settings, threshold: 0 }, { ...settings, threshold: "prune", proportionalAttention: false }),
    ).toBe(true);
    expect(
      finds({ ...settings, threshold: "pool" }, { ...settings, threshold: "pool", proportionalAttention: false }),
    ).toBe(false);
  });

  it("of the unreduced model are those of settings that remove nothing", () => {
    expect(finds(null, { ...settings, tokensRemoved: 0 })).toBe(true);
    expect(finds({ ...settings, tokensRemoved: 0 }, undefined)).toBe(true);
    expect(finds(null, settings)).toBe(false);
    expect(finds(settings, undefined)).toBe(false);
  });

  it("are not found by a threshold that decides otherwise", () => {
    expect(finds(settings, { ...settings, threshold: 0.0101 })).toBe(false);
    expect(finds(settings, { ...settings, threshold: "pool" })).toBe(false);
    expect(finds(settings, { ...settings, threshold: { scaleFree: 2.56 } })).toBe(false);
  });

  it("of another model are an error", () => {
    expect(() => finds({ ...settings, layers: [7] }, settings)).toThrow(
      expect.objectContaining({ code: "INVALID_CONFIG", message: expect.stringMatching(/record 0 .*layer 7/) }),
    );
  });
});

describe("recording", () => {
  it("passes over inputs at the edge of a threshold", async () => {
    const variances = [7e-5, 7.01e-5, 9e-5];
    const model = {
      config: (await import("../src/node/folder.js").then(({ readCheckpoint }) => readCheckpoint("demo"))).config,
      tokens: [],
      notices: [],
      run: async () => ({
        logits: { shape: [1, 1], data: Float32Array.of(1) },
        size: { shape: [1, 1], data: Float32Array.of(1) },
        stages: [
          {
            layer: 3,
            tokensIn: 197,
            tokensOut: 147,
            policies: [],
            byImage: true,
            variances: Float32Array.of(variances.shift()!),
          },
        ],
      }),
      dispose: async () => {},
    };
    const settings = { layers: [3], tokensRemoved: 50, threshold: 7e-5 };
    expect(await recordVerification(model, settings)).toEqual({ seed: 3, reduction: settings, logits: [1] });
  });
});

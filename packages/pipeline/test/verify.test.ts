/** `verify: true`: a device that computes wrongly is found before the first picture. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { type Backend, type HostTensor, recordVerification } from "@ppt-vit/core";
import { describe, expect, it } from "vitest";
import { fromPretrained } from "../src/index.js";

/** The CPU backend with changed logits: what a wrong driver looks like from outside. */
function wrongLogits(change: (data: Float32Array) => Float32Array): Backend {
  const backend = createCpuBackend();
  return {
    ...backend,
    async compile(program, options) {
      const executable = await backend.compile(program, options);
      return {
        ...executable,
        async run(feeds) {
          const outputs = await executable.run(feeds);
          const { shape, data } = outputs.logits as HostTensor;
          return { ...outputs, logits: { shape, data: change(data) } };
        },
      };
    },
  };
}

describe("verification of the demo model", () => {
  it("agrees with the record on ONNX Runtime, reduced and not", async () => {
    for (const reduction of [undefined, false] as const) {
      const backend = await createOnnxBackend({ device: "cpu" });
      const { verification, dispose } = await fromPretrained("demo", { backend, reduction, verify: true });
      expect(verification).toMatchObject({ reference: "recorded", tolerance: 1e-3 });
      expect(verification!.difference).toBeLessThan(1e-5);
      await dispose();
      await backend.dispose();
    }
  });

  it("asks the plain CPU backend where the settings have no record", async () => {
    const reduction = { threshold: "prune" } as const;
    const { verification, dispose } = await fromPretrained("demo", { backend: "onnx-cpu", reduction, verify: true });
    expect(verification).toMatchObject({ reference: "cpu" });
    await dispose();
  });

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

describe("recording", () => {
  it("passes over inputs at the edge of a threshold", async () => {
    const variances = [7e-5, 7.01e-5, 9e-5];
    const model = {
      config: (await import("../src/folder.js").then(({ readCheckpoint }) => readCheckpoint("demo"))).config,
      tokens: [],
      run: async () => ({
        logits: { shape: [1, 1], data: Float32Array.of(1) },
        size: { shape: [1, 1], data: Float32Array.of(1) },
        stages: [
          { layer: 3, tokensIn: 197, tokensOut: 147, policies: [], variances: Float32Array.of(variances.shift()!) },
        ],
      }),
      dispose: async () => {},
    };
    const settings = { layers: [3], tokensRemoved: 50, threshold: 7e-5 };
    expect(await recordVerification(model, settings)).toEqual({ seed: 3, reduction: settings, logits: [1] });
  });
});

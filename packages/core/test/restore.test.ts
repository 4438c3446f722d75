/** Tests token restore against a plain ViT on three runtimes, and `restoreTokens` with tokens that a caller holds. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { createTfjsBackend } from "@ppt-vit/backend-tfjs";
import { tinyConfig } from "@ppt-vit/conformance";
import {
  type Backend,
  createVisionModel,
  hostTensor,
  type OutputOptions,
  type ReductionConfig,
  randomWeights,
  restoreTokens,
  type Threshold,
  type VisionModelConfig,
  weightsFrom,
} from "@ppt-vit/core";
import { random } from "@ppt-vit/core/testing";
import { describe, expect, it } from "vitest";
import { plainDenseFeatures } from "./plain-vit.js";

/** With this seed the images differ at the threshold below: one is pooled, pruned and pooled, another always pooled. */
const weightSeed = 8;
const batch = 3;
const plain: VisionModelConfig = { ...tinyConfig, activation: "quick_gelu" };
const distilled: VisionModelConfig = { ...plain, distillationToken: true };
const patches = 15;

function pixelsOf({ channels, imageSize }: VisionModelConfig): Float32Array {
  const next = random(7);
  return Float32Array.from({ length: batch * channels * imageSize[0] * imageSize[1] }, () => 4 * next() - 2);
}

async function run(
  backend: Backend,
  config: VisionModelConfig,
  reduction: ReductionConfig | undefined,
  outputs: OutputOptions,
) {
  const weights = weightsFrom(randomWeights(config, weightSeed));
  const model = await createVisionModel({ config, weights, backend, reduction, outputs });
  const output = await model.run({ pixelValues: pixelsOf(config), batch });
  await model.dispose();
  await backend.dispose();
  return output;
}

const runtimes: readonly [string, () => Promise<Backend>][] = [
  ["CPU", async () => createCpuBackend()],
  ["ONNX Runtime, native", () => createOnnxBackend({ device: "cpu" })],
  ["TensorFlow.js, wasm", () => createTfjsBackend({ device: "wasm" })],
];

describe.each(runtimes)("dense features on %s", (_, create) => {
  const layers = [0, 1, 2];
  const removed = 3;
  const cases: readonly [string, VisionModelConfig, number, Threshold][] = [
    ["pruned", plain, 0, "prune"],
    ["pooled", plain, Number.POSITIVE_INFINITY, "pool"],
    ["each image by its own policies", plain, 1.6, { scaleFree: 1.6 }],
    ["with a distillation token", distilled, 1.6, { scaleFree: 1.6 }],
  ];

  it.each(cases)("are each patch's last known value: %s", async (_, config, scaleFree, threshold) => {
    const output = await run(
      await create(),
      config,
      { layers, tokensRemoved: removed, threshold },
      { denseFeatures: true },
    );
    const { shape, data } = output.denseFeatures!;
    expect(shape).toEqual([batch, patches, config.hiddenSize]);
    const pixels = pixelsOf(config);
    const imageLength = pixels.length / batch;
    const weights = randomWeights(config, weightSeed);
    for (let image = 0; image < batch; image++) {
      const own = pixels.subarray(image * imageLength, (image + 1) * imageLength);
      const expected = plainDenseFeatures(config, weights, own, { layers, removed, scaleFree });
      expect(output.stages.map(({ policies }) => policies[image])).toEqual(expected.policies);
      expected.dense.flat().forEach((value, i) => {
        expect(Math.abs(data[image * patches * config.hiddenSize + i]! - value)).toBeLessThan(
          1e-4 * (1 + Math.abs(value)),
        );
      });
    }
  });

  it("are the last hidden state where nothing is reduced", async () => {
    for (const reduction of [undefined, { layers, tokensRemoved: 0, threshold: 1 }]) {
      const outputs = { denseFeatures: true, lastHiddenState: true };
      const { denseFeatures, lastHiddenState } = await run(await create(), plain, reduction, outputs);
      const C = plain.hiddenSize;
      const N = patches + 1;
      const withoutClass = lastHiddenState!.data.filter((_, i) => i % (N * C) >= C);
      expect(Array.from(denseFeatures!.data)).toEqual(Array.from(withoutClass));
    }
  });
});

describe("restoreTokens", () => {
  // Five input tokens. The first state has lost token 4, the second also token 1, and there 2 and 3 have merged.
  const early = { tokens: hostTensor([1, 4, 2], (i) => i), source: sourceOf([[0], [1], [2], [3]]) };
  const late = { tokens: hostTensor([1, 2, 2], (i) => 100 + i), source: sourceOf([[0], [2, 3]]) };

  function sourceOf(contains: readonly (readonly number[])[]) {
    return hostTensor([1, contains.length, 5], (i) => (contains[Math.floor(i / 5)]!.includes(i % 5) ? 1 : 0));
  }

  it("gives each position the value of the last token that contains it, NaN where none does", () => {
    const { shape, data } = restoreTokens([early, late]);
    expect(shape).toEqual([1, 5, 2]);
    expect(Array.from(data)).toEqual([100, 101, 2, 3, 102, 103, 102, 103, Number.NaN, Number.NaN]);
  });

  it("restores what a model returned: merged patches share a value, pruned ones are not known", async () => {
    const outputs = { source: true, lastHiddenState: true, denseFeatures: true };
    const reduction: ReductionConfig = { layers: [0, 1], tokensRemoved: 4, threshold: { scaleFree: 1.6 } };
    const { lastHiddenState, source, denseFeatures } = await run(createCpuBackend(), plain, reduction, outputs);
    const { data } = restoreTokens([{ tokens: lastHiddenState!, source: source! }]);
    const C = plain.hiddenSize;
    let known = 0;
    denseFeatures!.data.forEach((value, i) => {
      const image = Math.floor(i / (patches * C));
      const restored = data[i + (image + 1) * C]!;
      if (Number.isNaN(restored)) return;
      known++;
      expect(Math.abs(restored - value)).toBeLessThan(1e-5 * (1 + Math.abs(value)));
    });
    const held = source!.data.reduce((a, b) => a + b) - batch;
    expect(known).toBe(held * C);
    expect(known).toBeLessThan(batch * patches * C);
  });

  it.each([
    { states: [], says: "no states" },
    { states: [{ ...late, tokens: early.tokens }], says: "tokens [1,4,2] with 8 values, expected [1,2,2]" },
    { states: [early, { ...late, source: hostTensor([1, 2, 6], () => 0) }], says: "expected [1,2,5]" },
  ])("refuses what does not fit: $says", ({ states, says }) => {
    expect(() => restoreTokens(states)).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
    expect(() => restoreTokens(states)).toThrow(says);
  });
});

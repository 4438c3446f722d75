/** Tests of what the conformance suite cannot see: extremes of integers, tails of GELU, and both sets of instructions. */
import { createWasmBackend } from "@ppt-vit/backend-wasm";
import { tinyConfig } from "@ppt-vit/conformance";
import { createVisionModel, quantizeRows, randomWeights, weightsFrom } from "@ppt-vit/core";
import type { Backend, HostTensor, Program } from "@ppt-vit/core/backend";
import { random } from "@ppt-vit/core/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { chooseKernels, type Instructions } from "../src/modules.js";

afterEach(() => void vi.restoreAllMocks());

async function outputOf(backend: Backend, program: Program, x: HostTensor, params: Record<string, HostTensor> = {}) {
  const executable = await backend.compile(program, { params, inputs: { x: x.shape } });
  const { y } = await executable.run({ x });
  await executable.dispose();
  return y!.data;
}

const tensor = (shape: number[], next: (index: number) => number): HostTensor => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => next(i)),
});

/** The sets of instructions of this engine. Node 20 has no relaxed SIMD. */
const available = (["simd", "relaxed-simd"] as const).filter((one) => {
  try {
    return chooseKernels(one, undefined);
  } catch {
    return false;
  }
});

const linear: Program = (ops, { w, b }, { x }) => ({ y: ops.linear(x!, w!, b!) });

describe.each(available)("%s", (instructions: Instructions) => {
  it("adds no more products of integers than fit, however long the rows", async () => {
    const backend = createWasmBackend({ instructions });
    for (const K of [7, 768, 8192, 40_001]) {
      // All products are the largest that there are, and of one sign: 64 times the largest activation.
      const w = quantizeRows(tensor([9, K], () => -1));
      const x = tensor([5, K], () => -3);
      const y = await outputOf(backend, linear, x, { w, b: tensor([9], (i) => i) });
      y.forEach((value, i) => void expect(Math.abs(value / (3 * K + (i % 9)) - 1)).toBeLessThan(2e-3));
    }
    await backend.dispose();
  });

  it("quantises activations so finely that only the weights' rounding is left", async () => {
    const next = random(3);
    const backend = createWasmBackend({ instructions });
    const w = quantizeRows(tensor([17, 384], () => next() - 0.5));
    const x = tensor([6, 384], () => 4 * next() - 2);
    const b = tensor([17], () => next());
    const [integers, floats] = [
      await outputOf(backend, linear, x, { w, b }),
      await outputOf(backend, linear, x, { w: { shape: w.shape, data: w.data }, b }),
    ];
    const largest = Math.max(...floats.map(Math.abs));
    integers.forEach((value, i) => void expect(Math.abs(value - floats[i]!)).toBeLessThan(1e-4 * largest));
    expect(integers).not.toEqual(floats);
    await backend.dispose();
  });

  it("keeps the digits of small values of GELU", async () => {
    const backend = createWasmBackend({ instructions });
    // x and x times the normal distribution's mass below x, to 12 digits
    const expected: [number, number][] = [
      [-12, -2.131778534493e-32],
      [-8, -4.976768459417e-15],
      [-4, -1.266849673325e-4],
      [-1.5, -0.1002108019033],
      [-0.25, -0.1003234185793],
      [0, 0],
      [0.001, 5.003989422139e-4],
      [3, 2.995950305905],
      [30, 30],
    ];
    const x = tensor([expected.length], (i) => expected[i]![0]);
    const y = await outputOf(backend, (ops, _, { x }) => ({ y: ops.activation(x!, "gelu") }), x);
    expected.forEach(([of, value], i) => {
      expect(Math.abs(y[i]! - value), `gelu(${of}) is ${y[i]}`).toBeLessThanOrEqual(3e-6 * Math.abs(value));
    });
    await backend.dispose();
  });
});

it.skipIf(available.length < 2)("both sets of instructions reduce the same tokens", async () => {
  const next = random(5);
  const pixelValues = Float32Array.from({ length: 8 * 3 * 20 * 12 }, () => 2 * next() - 1);
  const results = await Promise.all(
    available.map(async (instructions) => {
      const model = await createVisionModel({
        config: tinyConfig,
        weights: weightsFrom(randomWeights(tinyConfig, 1)),
        backend: createWasmBackend({ instructions }),
        reduction: { layers: [0, 1], tokensRemoved: 3, threshold: { scaleFree: 0.6 } },
        outputs: { source: "stages" },
      });
      const { stages } = await model.run({ pixelValues, batch: 8 });
      await model.dispose();
      return stages.map(({ policies, tokensOut, source }) => ({ policies, tokensOut, source: source!.data }));
    }),
  );
  expect(results[0]).toEqual(results[1]);
});

describe("an engine without what the kernels need", () => {
  it("is named, with what to do", () => {
    vi.spyOn(WebAssembly, "validate").mockReturnValue(false);
    expect(() => createWasmBackend()).toThrow(/needs SIMD.*update it, or pass backend 'cpu'/);
    expect(() => createWasmBackend({ instructions: "relaxed-simd" })).toThrow(/no relaxed SIMD.*leave out/);
  });

  it("is refused for what is no set of instructions", () => {
    expect(() => createWasmBackend({ instructions: "avx" as "simd" })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringContaining("'relaxed-simd' or 'simd'") }),
    );
  });
});

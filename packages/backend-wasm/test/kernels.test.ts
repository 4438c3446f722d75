/** Tests of what the conformance suite cannot see: extremes of integers, tails of GELU, and both sets of instructions. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createWasmBackend } from "@ppt-vit/backend-wasm";
import { tinyConfig } from "@ppt-vit/conformance";
import { createVisionModel, quantizeRows, randomWeights, weightsFrom } from "@ppt-vit/core";
import type { Backend, HostTensor, Program, QuantizedRows, SlidingWindow } from "@ppt-vit/core/backend";
import { random } from "@ppt-vit/core/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { instantiate, mostThreads, reservedBytes } from "../src/kernels.js";
import { chooseKernels, compileKernels, type Instructions } from "../src/modules.js";
import { largestActivation, packIntegers, paddedLength, quantizedBytes, unpackIntegers } from "../src/weights.js";

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

  it.each([
    [24, 17, 384],
    [25, 40, 40],
    [31, 16, 100],
    [60, 9, 2100],
  ])("gives %i rows of 8-bit products the bits that each has alone (%i columns, %i inputs)", async (M, N, K) => {
    const next = random(M);
    const backend = createWasmBackend({ instructions, threads: 1 });
    // The largest magnitudes of both signs, so that sums of several would show where they do not fit.
    const w = quantizeRows(tensor([N, K], () => (next() < 0.2 ? next() : Math.sign(next() - 0.5))));
    const b = tensor([N], () => next());
    const rows = Array.from({ length: M }, (_, row) =>
      tensor(
        [1, K],
        () => (next() < 0.2 ? next() : Math.sign(next() - 0.5)) * (row === 3 ? Number.NaN : 2 ** (row % 9)),
      ),
    );
    const x = tensor([M, K], (i) => rows[Math.floor(i / K)]!.data[i % K]!);
    const together = await outputOf(backend, linear, x, { w, b });
    for (const [row, one] of rows.entries())
      expect(together.slice(row * N, (row + 1) * N)).toEqual(await outputOf(backend, linear, one, { w, b }));
    expect(together[2 * N]).not.toBe(together[4 * N]);
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

  it.each(["gelu", "silu"] as const)(
    "quantises %s on the way as if its floats had been there, also behind the scope that made it",
    async (kind) => {
      const next = random(8);
      const backend = createWasmBackend({ instructions, threads: 1 });
      const [M, K] = [37, 389];
      const w = quantizeRows(tensor([24, K], () => next() - 0.5));
      const b = tensor([24], () => next());
      const special = [0, -0.01, 3, -4.9, -5.1, -9, 30, Number.NaN];
      const x = tensor([M, K], (i) => (i % K < 3 ? special[Math.floor(i / K) % 8]! : 6 * next() - 3));
      const written = [
        (ops, { w, b }, { x }) => ({ y: ops.linear(ops.activation(x!, kind), w!, b!) }),
        (ops, { w, b }, { x }) => ({ y: ops.linear(ops.mul(ops.activation(x!, kind), 1), w!, b!) }),
        (ops, { w, b }, { x }) => {
          const inner = ops.scope("inner", () => ops.activation(ops.add(x!, x!), kind));
          const others = ops.add(x!, 1);
          return { y: ops.linear(ops.mul(inner, 1), w!, b!), others };
        },
        (ops, { w, b }, { x }) => ({ y: ops.linear(ops.mul(ops.activation(ops.add(x!, x!), kind), 1), w!, b!) }),
      ] satisfies Program[];
      const [fused, apart, escaped, inPlace] = await Promise.all(
        written.map((program) => outputOf(backend, program, x, { w, b })),
      );
      const largest = Math.max(...apart!.filter((value) => Math.abs(value) < 1e9).map(Math.abs));
      for (const [i, value] of fused!.entries()) {
        if (Number.isNaN(apart![i])) expect(value).toBeNaN();
        else expect(Math.abs(value - apart![i]!)).toBeLessThan(1e-4 * largest);
      }
      expect(escaped).toEqual(inPlace);
      await backend.dispose();
    },
  );

  it.each([
    [
      [8, 12],
      [4, 4],
    ],
    [
      [6, 8],
      [3, 8],
    ],
    [
      [6, 9],
      [3, 3],
    ],
    [
      [9, 12],
      [4, 4],
    ],
  ])("cuts pictures of %j into windows of %j as the CPU backend does", async ([H, W], kernel) => {
    const x = tensor([2, 3, H!, W!], (i) => i);
    const window = { kernel, stride: kernel, padding: [0, 0] } as unknown as SlidingWindow;
    const cut: Program = (ops, _, { x }) => ({ y: ops.unfold(x!, window) });
    const backends = [createWasmBackend({ instructions, threads: 1 }), createCpuBackend()];
    const [ours, theirs] = await Promise.all(backends.map((backend) => outputOf(backend, cut, x)));
    expect(ours).toEqual(theirs);
  });

  it("keeps its constants between the threads' own memory and that of tensors", async () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    await instantiate(await compileKernels({ instructions }, false), memory);
    const written = [...new Uint8Array(memory.buffer).keys()].filter((i) => new Uint8Array(memory.buffer)[i] !== 0);
    expect(written[0]).toBeGreaterThanOrEqual(64 * mostThreads);
    expect(written.at(-1)).toBeLessThan(reservedBytes);
  });
});

it.skipIf(!available.includes("relaxed-simd"))(
  "products of bytes are those of 16-bit integers, to the bit",
  async () => {
    const memory = new WebAssembly.Memory({ initial: 16 });
    const kernels = await instantiate(await compileKernels({ instructions: "relaxed-simd" }, false), memory);
    const next = random(9);
    const [x, integers, panels, scales, out] = [1, 2, 4, 6, 7].map((page) => page * 65_536) as [
      number,
      number,
      number,
      number,
      number,
    ];
    // Fewer rows than a tile, whole tiles, a tile over the last rows, and a row alone; K with and without a rest.
    for (const [M, N, K] of [
      [1, 9, 7],
      [5, 8, 32],
      [6, 17, 40],
      [13, 30, 100],
      [16, 8, 333],
    ] as const) {
      const weight = quantizeRows(tensor([N, K], () => next() - 0.5));
      const rows = weight.quantized as QuantizedRows;
      const padded = paddedLength(K);
      new Float32Array(memory.buffer, x, M * K).set(Float32Array.from({ length: M * K }, () => next() - 0.3));
      new Float32Array(memory.buffer, scales, N).set(rows.scales);
      const [pairs, bytes] = [0, 1].map((layout) => {
        packIntegers(rows, new Int8Array(memory.buffer, panels, quantizedBytes(N, K, layout === 1)), layout === 1);
        const rowScales = integers + 2 * M * padded;
        kernels.quantize(x, M, K, padded, largestActivation(K), integers, rowScales, layout);
        kernels.multiplyQuantized(integers, rowScales, 0, panels, scales, 0, out, 4 * N, M, N, padded, layout, 0);
        return new Float32Array(memory.buffer, out, M * N).slice();
      });
      expect(bytes).toEqual(pairs);
      expect(Math.hypot(...pairs!)).toBeGreaterThan(0);
      const unpacked = new Float32Array(N * K);
      const packed = new Int8Array(memory.buffer, panels, quantizedBytes(N, K, true));
      unpackIntegers(packed, rows.scales, K, unpacked, true);
      expect(unpacked).toEqual(weight.data);
    }
  },
);

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

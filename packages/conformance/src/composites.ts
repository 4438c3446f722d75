/** Compares every composite of a backend with the default made of primitives, on the same backend. */
import { hostTensor } from "@ppt-vit/core";
import {
  type Activation,
  type Backend,
  defaultComposites,
  type HostTensor,
  type SlidingWindow,
} from "@ppt-vit/core/backend";
import { iota } from "@ppt-vit/core/testing";
import type { CompositeCase } from "./composite-case.js";
import {
  type ConformanceCase,
  type CreateBackend,
  expectClose,
  runProgram,
  tolerancesOf,
  uniform,
  withBackend,
} from "./harness.js";
import { quantizedCases } from "./quantized.js";
import { convolution, resizeBilinear, unfold } from "./reference.js";
import { selfAttentionCases } from "./self-attention.js";

function* cases(): Generator<CompositeCase> {
  const x = uniform([2, 7, 12], 1);
  const weight = uniform([5, 12], 2);
  yield {
    name: "linear",
    feeds: { x, weight, bias: uniform([5], 3) },
    apply: (c, f) => [c.linear(f.x!, f.weight!, f.bias!)],
  };
  yield* quantizedCases();
  yield { name: "linear without bias", feeds: { x, weight }, apply: (c, f) => [c.linear(f.x!, f.weight!)] };
  yield {
    name: "linear of one row",
    feeds: { x: uniform([1, 1, 12], 4), weight, bias: uniform([5], 3) },
    apply: (c, f) => [c.linear(f.x!, f.weight!, f.bias!)],
  };
  yield { name: "softmax", feeds: { x }, apply: (c, f) => [c.softmax(f.x!)] };
  yield { name: "softmax along the middle axis", feeds: { x }, apply: (c, f) => [c.softmax(f.x!, 1)] };
  yield {
    name: "softmax of large logits",
    feeds: { x: uniform([3, 11], 5, -300, 300) },
    apply: (c, f) => [c.softmax(f.x!)],
  };
  yield {
    name: "softmax of one column",
    feeds: { x: uniform([3, 1], 5) },
    expected: hostTensor([3, 1], () => 1),
    apply: (c, f) => [c.softmax(f.x!)],
  };
  yield {
    name: "layerNorm",
    feeds: { x, weight: uniform([12], 6, 0.5, 2), bias: uniform([12], 7) },
    apply: (c, f) => [c.layerNorm(f.x!, f.weight!, f.bias!, 1e-6)],
  };
  yield {
    name: "layerNorm of an outlier channel",
    feeds: {
      x: hostTensor([1, 3, 12], (i) => (i % 12 === 4 ? 900 : Math.sin(i))),
      weight: hostTensor([12], () => 1),
      bias: hostTensor([12], () => 0),
    },
    apply: (c, f) => [c.layerNorm(f.x!, f.weight!, f.bias!, 1e-12)],
  };
  yield {
    name: "l2Norm",
    feeds: { x: hostTensor([2, 2, 3], (i) => (i < 6 ? 0 : i % 3)) },
    expected: hostTensor([2, 2, 1], (i) => (i < 2 ? 0 : Math.sqrt(5))),
    apply: (c, f) => [c.l2Norm(f.x!)],
  };
  yield {
    name: "lpNormalize by length",
    feeds: { x: hostTensor([2, 2, 3], (i) => (i < 6 ? 0 : (i % 3) - 1)) },
    expected: hostTensor([2, 2, 3], (i) => (i < 6 ? 0 : ((i % 3) - 1) / Math.SQRT2)),
    apply: (c, f) => [c.lpNormalize(f.x!, 2)],
  };
  yield {
    name: "lpNormalize by sum",
    feeds: { x: hostTensor([2, 3], (i) => (i < 3 ? 0 : i)) },
    expected: hostTensor([2, 3], (i) => (i < 3 ? 0 : i / 12)),
    apply: (c, f) => [c.lpNormalize(f.x!, 1)],
  };
  yield {
    name: "lpNormalize of NaN, which every element of its row becomes",
    feeds: { x: hostTensor([2, 3], (i) => (i === 1 ? Number.NaN : 2)) },
    expected: hostTensor([2, 3], (i) => (i < 3 ? Number.NaN : 1 / Math.sqrt(3))),
    needsNonFinite: true,
    apply: (c, f) => [c.lpNormalize(f.x!, 2)],
  };
  for (const p of [1, 2] as const)
    yield {
      name: `lpNormalize of random rows, p = ${p}`,
      feeds: { x: uniform([2, 7, 41], 19, p === 1 ? 0 : -2) },
      apply: (c, f) => [c.lpNormalize(f.x!, p)],
    };
  for (const kind of ["gelu", "gelu_tanh", "quick_gelu", "relu", "silu"] satisfies Activation[])
    yield {
      name: `activation ${kind}`,
      feeds: { x: uniform([3, 101], 8, -9, 9) },
      apply: (c, f) => [c.activation(f.x!, kind)],
    };

  const image = uniform([2, 3, 7, 10], 20);
  const windows: Readonly<Record<string, SlidingWindow>> = {
    "that overlaps, with padding": { kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
    "oblong, larger than its padding and stride": { kernel: [5, 2], stride: [1, 3], padding: [2, 0] },
    "that leaves a rest": { kernel: [2, 4], stride: [2, 4], padding: [0, 0] },
    "of patches": { kernel: [7, 5], stride: [7, 5], padding: [0, 0] },
    "as T2T-ViT's first": { kernel: [7, 7], stride: [4, 4], padding: [2, 2] },
    "of one pixel": { kernel: [1, 1], stride: [3, 1], padding: [0, 0] },
  };
  for (const [name, window] of Object.entries(windows)) {
    const { kernel } = window;
    const filters = uniform([4, 3, ...kernel], 21);
    const shift = uniform([4], 22);
    yield {
      name: `unfold by a window ${name}`,
      feeds: { image },
      expected: unfold(image, window),
      apply: (c, f) => [c.unfold(f.image!, window)],
    };
    yield {
      name: `convolution by a window ${name}`,
      feeds: { image, filters, shift },
      expected: convolution(image, filters, shift, window),
      apply: (c, f) => [c.convolution(f.image!, f.filters!, f.shift!, window)],
    };
  }

  // More channels than an image of colours, and a batch.
  const maps = uniform([2, 10, 9, 7], 23);
  for (const side of [3, 1]) {
    const window: SlidingWindow = { kernel: [side, side], stride: [1, 1], padding: [(side - 1) / 2, (side - 1) / 2] };
    const filters = uniform([9, 10, side, side], 24, -0.2, 0.2);
    yield {
      name: `convolution of maps by ${side} x ${side}, without bias`,
      params: { filters },
      feeds: { maps },
      expected: convolution(maps, filters, undefined, window),
      apply: (c, f) => [c.convolution(f.maps!, f.filters!, undefined, window)],
    };
  }
  const map = uniform([2, 3, 4, 5], 25);
  // Larger, twice the size, smaller, one pixel, other columns alone, and the same size.
  const sizes = [
    [9, 11],
    [8, 10],
    [3, 2],
    [1, 1],
    [4, 7],
    [4, 5],
  ] as const;
  for (const aligned of [true, false])
    yield {
      name: `resizeBilinear, ${aligned ? "aligned corners" : "half pixels"}`,
      feeds: { map },
      expected: sizes.map((size) => resizeBilinear(map, size, aligned)),
      apply: (c, f) => sizes.map((size) => c.resizeBilinear(f.map!, size, aligned)),
    };
  yield {
    name: "gatherRows, with rows that do not exist",
    feeds: { x: iota([2, 3, 2]), rows: { shape: [2, 4], data: Float32Array.of(2, -1, 0, 2, 3, 1, -5, 0) } },
    expected: { shape: [2, 4, 2], data: Float32Array.of(4, 5, 0, 0, 0, 1, 4, 5, 0, 0, 8, 9, 0, 0, 6, 7) },
    apply: (c, f) => [c.gatherRows(f.x!, f.rows!)],
  };

  const [B, N, C] = [2, 13, 12];
  const q = uniform([B, N, C], 9);
  const k = uniform([B, N, C], 10);
  const v = uniform([B, N, C], 11);
  const options = { heads: 3, scale: 0.5 };
  yield { name: "attention", feeds: { q, k, v }, apply: (c, f) => [c.attention(f.q!, f.k!, f.v!, options)] };
  yield {
    name: "attention of fewer queries than keys",
    feeds: { q: uniform([B, 9, C], 13), k, v, logSize: uniform([B, N], 12, 0, 3) },
    apply: (c, f) => [c.attention(f.q!, f.k!, f.v!, { ...options, logSize: f.logSize! })],
  };
  yield {
    name: "attention with sizes per image",
    feeds: { q, k, v, logSize: uniform([B, N], 12, 0, 3) },
    apply: (c, f) => [c.attention(f.q!, f.k!, f.v!, { ...options, logSize: f.logSize! })],
  };
  yield {
    name: "attention with sizes common to all images",
    feeds: { q, k, v, logSize: uniform([1, N], 12, 0, 3) },
    apply: (c, f) => [c.attention(f.q!, f.k!, f.v!, { ...options, logSize: f.logSize! })],
  };
  yield {
    name: "attention of one query, one head",
    feeds: { q: uniform([B, 1, C], 13), k, v },
    apply: (c, f) => [c.attention(f.q!, f.k!, f.v!, { heads: 1, scale: 0.3 })],
  };
  yield {
    name: "classAttention",
    feeds: { q: uniform([B, 1, C], 13), k },
    apply: (c, f) => [c.classAttention(f.q!, f.k!, options)],
  };
  yield {
    name: "classAttention with sizes",
    feeds: { q: uniform([B, 1, C], 13), k, logSize: uniform([B, N], 12, 0, 3) },
    apply: (c, f) => [c.classAttention(f.q!, f.k!, { ...options, logSize: f.logSize! })],
  };

  yield* selfAttentionCases();

  const row = (...values: number[]): HostTensor => ({ shape: [1, values.length], data: Float32Array.from(values) });
  yield { name: "rankDescending", feeds: { x: uniform([3, 37], 14) }, apply: (c, f) => [c.rankDescending(f.x!)] };
  yield {
    name: "rankDescending of ties",
    feeds: { x: row(1, 3, 3, 2, 3, 1) },
    expected: row(4, 0, 1, 3, 2, 5),
    apply: (c, f) => [c.rankDescending(f.x!)],
  };
  // Half of them tie, like tokens that are not candidates for merging.
  const many = hostTensor([2, 197], (i) => (i % 2 === 0 ? -2 : (i * 7) % 5));
  const ranksOf = (values: readonly number[]) =>
    values.map((v, j) => values.filter((other, i) => other > v || (other === v && i < j)).length);
  yield {
    name: "rankDescending of many ties",
    feeds: { x: many },
    expected: {
      shape: [2, 197],
      data: Float32Array.from([0, 1].flatMap((row) => ranksOf([...many.data.subarray(row * 197, (row + 1) * 197)]))),
    },
    apply: (c, f) => [c.rankDescending(f.x!)],
  };
  yield {
    name: "rankDescending of infinities",
    feeds: { x: row(-Infinity, 0, Infinity, -Infinity, Infinity) },
    expected: row(3, 2, 0, 4, 1),
    needsNonFinite: true,
    apply: (c, f) => [c.rankDescending(f.x!)],
  };
  yield {
    name: "rankDescending behind leading elements",
    feeds: { x: { shape: [2, 6], data: Float32Array.of(-7, 0, 3, 9, 3, 0, 5, 5, 0, 0, -1, 1e30) } },
    expected: { shape: [2, 6], data: Float32Array.of(0, 1, 3, 2, 4, 5, 0, 1, 3, 4, 5, 2) },
    apply: (c, f) => [c.rankDescending(f.x!, 2)],
  };
  yield {
    name: "rankDescending of numbers near 0",
    feeds: { x: row(0, 2e-30, 1e-30, 0, -1e-30, 1.0000001, 1) },
    apply: (c, f) => [c.rankDescending(f.x!)],
  };
  // Keys repeat, so that cosines tie. One key has the length 0.
  const repeated = hostTensor([2, 11, 3], (i) => (i < 6 ? 0 : [1, 2, -1, 3, 0, 1, -2][(i % 33) % 7]!));
  for (const [which, keys] of Object.entries({ random: uniform([2, 11, 5], 21, -1, 1), "that tie": repeated }))
    yield {
      name: `pickPartners of keys ${which}`,
      feeds: { keys },
      apply(c, f) {
        const one = c.pickPartners(f.keys!, { firstCandidate: 2, firstPartner: 1, firstRow: 4 });
        const other = c.pickPartners(f.keys!, { firstCandidate: 3, firstPartner: 4, firstRow: 5 });
        return [one.similarity, one.row, other.similarity, other.row];
      },
    };
  yield {
    name: "pickPartners of equal keys",
    feeds: { keys: hostTensor([1, 7, 2], () => 1) },
    expected: { shape: [1, 7], data: Float32Array.of(7, 7, 3, 7, 3, 7, 3) },
    apply: (c, f) => [c.pickPartners(f.keys!, { firstCandidate: 2, firstPartner: 1, firstRow: 3 }).row],
  };
  const index = (...values: number[]): HostTensor => ({ shape: [values.length], data: Float32Array.from(values) });
  yield {
    name: "argMax of ties",
    feeds: { x: { shape: [3, 4], data: Float32Array.of(1, 5, 5, 2, 7, 7, 7, 7, -3, -2, -1, -1) } },
    expected: index(1, 0, 2),
    apply: (c, f) => [c.argMax(f.x!)],
  };
  yield { name: "argMax of random rows", feeds: { x: uniform([2, 5, 41], 15) }, apply: (c, f) => [c.argMax(f.x!)] };

  // First image: tokens 0, 2 and 5 merge, 1 and 4 stay alone, and 3 is dropped. Second image: the same in reverse.
  const destination: HostTensor = { shape: [2, 6], data: Float32Array.of(0, 1, 0, 3, 2, 0, 2, 2, 9, 1, 0, 0) };
  yield {
    name: "compressTokens",
    feeds: { destination, x: uniform([2, 6, 5], 16), size: uniform([2, 6, 1], 17, 1, 4) },
    apply(c, f) {
      const { size, averaged, summed } = c.compressTokens(f.destination!, 3, {
        size: f.size!,
        averaged: f.x!,
        summed: [f.x!],
      });
      return [size, averaged!, ...summed];
    },
  };
  yield {
    name: "compressTokens of tokens that are sent nowhere, before the first row and behind the last",
    feeds: { destination: { shape: [2, 4], data: Float32Array.of(0, -1, 1, 2, 1, -5, 9, 0) }, x: iota([2, 4, 1]) },
    expected: { shape: [2, 2, 1], data: Float32Array.of(0, 2, 7, 4) },
    apply: (c, f) => [...c.compressTokens(f.destination!, 2, { summed: [f.x!] }).summed],
  };
  yield {
    name: "compressTokens without sizes",
    feeds: { destination, x: uniform([2, 6, 5], 16) },
    apply(c, f) {
      const { size, averaged } = c.compressTokens(f.destination!, 3, { averaged: f.x!, summed: [] });
      return [size, averaged!];
    },
  };
  yield {
    name: "compressTokens of sizes common to all images",
    feeds: { destination, size: hostTensor([1, 6, 1], (i) => 2 ** i), x: hostTensor([2, 6, 1], (i) => i % 6) },
    expected: hostTensor([2, 3, 1], (i) => [168 / 37, 1, 4, 224 / 48, 3, 2 / 3][i]!),
    apply: (c, f) => [c.compressTokens(f.destination!, 3, { size: f.size!, averaged: f.x!, summed: [] }).averaged!],
  };
  yield {
    name: "compressTokens of a value common to all images",
    feeds: { destination, size: uniform([2, 6, 1], 17, 1, 4), x: hostTensor([1, 6, 1], (i) => 2 ** i) },
    expected: { shape: [2, 3, 1], data: Float32Array.of(1 + 4 + 32, 2, 16, 16 + 32, 8, 1 + 2) },
    apply: (c, f) => [...c.compressTokens(f.destination!, 3, { size: f.size!, summed: [f.x!] }).summed],
  };
}

export function compositeCases(create: CreateBackend, { capabilities }: Backend): ConformanceCase[] {
  const { operation } = tolerancesOf(capabilities);
  return [...cases()].map(({ name, feeds, params, expected, needsNonFinite, tolerance = 0, apply }) => ({
    name: `composite: ${name}`,
    ...(needsNonFinite && !capabilities.nonFinite ? { skip: "capabilities.nonFinite" } : {}),
    run: () =>
      withBackend(create, async (backend) => {
        const outputs = await runProgram(
          backend,
          (ops, known, fed) => {
            const x = { ...known, ...fed };
            const own = apply(ops, x).map((y, i) => [`own.${i}`, y] as const);
            const byDefault = apply(defaultComposites(ops), x).map((y, i) => [`default.${i}`, y] as const);
            return Object.fromEntries([...own, ...byDefault]);
          },
          feeds,
          params,
        );
        const count = Object.keys(outputs).length / 2;
        const allowed = Math.max(tolerance, operation);
        for (let i = 0; i < count; i++) {
          expectClose(`output ${i} against its default`, outputs[`own.${i}`], outputs[`default.${i}`]!, allowed);
          const known = expected && "data" in expected ? expected : expected?.[i];
          if (known) expectClose(`output ${i}`, outputs[`own.${i}`], known, allowed);
        }
      }),
  }));
}

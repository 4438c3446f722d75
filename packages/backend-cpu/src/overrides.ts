/** Composites that run as one kernel instead of a chain of primitives. Measurements: docs/decisions/0003-cpu-kernels.md. */
import type { Activation, AttentionOptions, Overrides } from "@ppt-vit/core/backend";
import { erf } from "./kernels/erf.js";
import { multiplyTransposed, transposeInto } from "./kernels/gemm.js";
import { mapOverrides } from "./maps.js";
import { selectionOverrides } from "./selection.js";
import type { TensorStore } from "./store.js";
import type { CpuTensor } from "./tensor.js";

const activations: Readonly<Record<Activation, (x: number) => number>> = {
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  gelu_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
  quick_gelu: (x) => x / (1 + Math.exp(-1.702 * x)),
  relu: (x) => Math.max(x, 0),
  silu: (x) => x / (1 + Math.exp(-x)),
};

/** Replaces data[start, start + length) by its softmax. */
function softmaxRow(data: Float32Array, start: number, length: number): void {
  const end = start + length;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = start; i < end; i++) if (data[i]! > max) max = data[i]!;
  let sum = 0;
  for (let i = start; i < end; i++) {
    const e = Math.exp(data[i]! - max);
    data[i] = e;
    sum += e;
  }
  for (let i = start; i < end; i++) data[i]! /= sum;
}

export function cpuOverrides<T extends CpuTensor>(store: TensorStore<T>): Overrides<T> {
  const { take } = store;

  /** Writes the attention weights [M, N] of one image and head: softmax(scale q k^T + log size). */
  function attentionWeights(
    weights: Float32Array,
    q: CpuTensor,
    k: CpuTensor,
    image: number,
    head: number,
    { heads, scale, logSize }: AttentionOptions<CpuTensor>,
  ): void {
    const [, M, C] = q.shape as [number, number, number];
    const N = k.shape[1]!;
    const d = C / heads;
    multiplyTransposed(
      { data: q.data, offset: image * M * C + head * d, stride: C },
      { data: k.data, offset: image * N * C + head * d, stride: C },
      { data: weights, offset: 0, stride: N },
      M,
      N,
      d,
    );
    const bias = logSize?.data.subarray(logSize.shape[0] === 1 ? 0 : image * N);
    for (let row = 0; row < M * N; row += N) {
      for (let j = 0; j < N; j++) weights[row + j] = weights[row + j]! * scale + (bias ? bias[j]! : 0);
      softmaxRow(weights, row, N);
    }
  }

  return () => ({
    ...mapOverrides(store),
    ...selectionOverrides(store),

    linear(x, weight, bias) {
      const [O, I] = weight.shape as [number, number];
      const out = take([...x.shape.slice(0, -1), O]);
      multiplyTransposed(
        { data: x.data, offset: 0, stride: I },
        { data: weight.data, offset: 0, stride: I },
        { data: out.data, offset: 0, stride: O },
        x.data.length / I,
        O,
        I,
        bias?.data,
      );
      return out;
    },

    layerNorm(x, weight, bias, epsilon) {
      const C = x.shape.at(-1)!;
      const out = take(x.shape);
      for (let row = 0; row < x.data.length; row += C) {
        let mean = 0;
        for (let c = 0; c < C; c++) mean += x.data[row + c]!;
        mean /= C;
        let variance = 0;
        for (let c = 0; c < C; c++) variance += (x.data[row + c]! - mean) ** 2;
        const inverse = 1 / Math.sqrt(variance / C + epsilon);
        for (let c = 0; c < C; c++)
          out.data[row + c] = (x.data[row + c]! - mean) * inverse * weight.data[c]! + bias.data[c]!;
      }
      return out;
    },

    activation(x, kind) {
      const f = activations[kind];
      const out = take(x.shape);
      for (let i = 0; i < x.data.length; i++) out.data[i] = f(x.data[i]!);
      return out;
    },

    attention(q, k, v, options) {
      const [B, M, C] = q.shape as [number, number, number];
      const N = k.shape[1]!;
      const d = C / options.heads;
      const out = take(q.shape);
      const weights = take([M, N]).data;
      const values = { data: take([d, N]).data, offset: 0, stride: N };
      for (let image = 0; image < B; image++)
        for (let head = 0; head < options.heads; head++) {
          attentionWeights(weights, q, k, image, head, options);
          transposeInto({ data: v.data, offset: image * N * C + head * d, stride: C }, values, N, d);
          const target = { data: out.data, offset: image * M * C + head * d, stride: C };
          multiplyTransposed({ data: weights, offset: 0, stride: N }, values, target, M, d, N);
        }
      return out;
    },

    /** Adds each token to its destination row. The default multiplies by a 0/1 matrix instead. */
    compressTokens(destination, count, { size, averaged, summed }) {
      const [B, N] = destination.shape as [number, number];
      const placeOf = (x: T, image: number, j: number) => (x.shape[0] === 1 ? 0 : image * N) + j;
      /** [B, count, F], the sums of the rows of x [B or 1, N, F] by destination, weighted if `weights` are given. */
      const sums = (x: T, weights?: T) => {
        const F = x.shape[2]!;
        const out = take([B, count, F]);
        out.data.fill(0);
        for (let image = 0; image < B; image++)
          for (let j = 0; j < N; j++) {
            const row = destination.data[image * N + j]!;
            if (!(row >= 0 && row < count)) continue;
            const weight = weights ? weights.data[placeOf(weights, image, j)]! : 1;
            const from = placeOf(x, image, j) * F;
            const to = (image * count + row) * F;
            for (let f = 0; f < F; f++) out.data[to + f]! += weight * x.data[from + f]!;
          }
        return out;
      };
      const ones = () => {
        const x = take([1, N, 1]);
        x.data.fill(1);
        return x;
      };
      const newSize = sums(size ?? ones());
      const averages = (x: T) => {
        const mean = sums(x, size);
        const C = x.shape[2]!;
        for (const [row, weight] of newSize.data.entries())
          for (let i = row * C; i < (row + 1) * C; i++) mean.data[i]! /= weight;
        return mean;
      };
      return { size: newSize, averaged: averaged && averages(averaged), summed: summed.map((x) => sums(x)) };
    },
  });
}

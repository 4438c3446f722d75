/** The default of each composite, made of primitives. */
import { attentionComposites } from "./attention-composites.js";
import { bilinearTaps } from "./bilinear.js";
import { hostTensor, iota } from "./host-tensor.js";
import type { AttentionOptions, Composites, HostTensor, Primitives, Tensor } from "./seam.js";
import { sameShape, sizeOf, windowPositions } from "./shape.js";

/** The largest finite number in float32. */
const greatest = (2 - 2 ** -23) * 2 ** 127;

/** [N, N], 1 where the column index exceeds the row index, else 0. */
const strictlyUpper = (N: number): HostTensor => hostTensor([N, N], (i) => (i % N > Math.floor(i / N) ? 1 : 0));

/** [N], 1 at every second position from `first` on, else 0. */
const everySecond = (N: number, first: number): HostTensor =>
  hostTensor([N], (j) => (j >= first && (j - first) % 2 === 0 ? 1 : 0));

/** [C, H] for H heads: `scale` where the channel belongs to the head, else 0. */
const headMask = (C: number, H: number, scale: number): HostTensor =>
  hostTensor([C, H], (i) => (Math.floor((Math.floor(i / H) * H) / C) === i % H ? scale : 0));

/** [length, positions kernel], 1 where that place of the window covers the pixel, else 0. Places on padding cover none. */
const windowPlaces = (length: number, kernel: number, stride: number, padding: number): HostTensor => {
  const columns = windowPositions(length, kernel, stride, padding) * kernel;
  return hostTensor([length, columns], (i) => {
    const at = i % columns;
    return Math.floor(at / kernel) * stride + (at % kernel) - padding === Math.floor(i / columns) ? 1 : 0;
  });
};

/** [length, size], the weights of PyTorch's bilinear interpolation along one axis. */
const bilinearWeights = (length: number, size: number, alignCorners: number): HostTensor => {
  const taps = bilinearTaps(length, size, alignCorners === 1);
  return hostTensor([length, size], (i) => {
    const { low, high, weight } = taps[i % size]!;
    const at = Math.floor(i / size);
    return (at === low ? 1 - weight : 0) + (at === high ? weight : 0);
  });
};

/** Makes each host tensor once. A backend that keeps uploaded constants then uploads each of them once. */
function remember<Key extends number[]>(make: (...key: Key) => HostTensor): (...key: Key) => HostTensor {
  const made = new Map<string, HostTensor>();
  return (...key) => {
    const host = made.get(key.join()) ?? make(...key);
    made.set(key.join(), host);
    return host;
  };
}

/**
 * The default of each composite, made of `ops`. A default that uses another composite takes it from `resolved`, so an
 * override of softmax also serves attention. Without `resolved` it takes that composite's default.
 */
export function defaultComposites<T extends Tensor>(ops: Primitives<T>, resolved?: () => Composites<T>): Composites<T> {
  const columns = remember((n: number) => iota([n]));
  const rows = remember((n: number) => iota([n, 1]));
  const later = remember(strictlyUpper);
  const alternate = remember(everySecond);
  const leads = remember((n: number, leading: number) => hostTensor([n], (j) => (j < leading ? 1 : 0)));
  const headColumns = remember(headMask);
  const places = remember(windowPlaces);
  const interpolation = remember(bilinearWeights);

  const lastAxis = (x: T) => x.shape.length - 1;
  const composed = () => resolved?.() ?? composites;
  const softmax = (x: T, axis?: number) => composed().softmax(x, axis);

  /** [B, N, C] -> [B, H, N, C / H], or [B, H, C / H, N] with the permutation for keys. */
  function splitHeads(x: T, heads: number, permutation = [0, 2, 1, 3]): T {
    const [B, N, C] = x.shape as [number, number, number];
    return ops.transpose(ops.reshape(x, [B, N, heads, C / heads]), permutation);
  }

  /** softmax(q k^T scale + log size): q [B, M, C], k [B, N, C] -> [B, H, M, N] */
  function attentionWeights(q: T, k: T, { heads, scale, logSize }: AttentionOptions<T>): T {
    const keys = splitHeads(k, heads, [0, 2, 3, 1]);
    // The scale stands next to the product, where graph optimisers fuse the two.
    const logits = ops.matMul(ops.mul(splitHeads(q, heads), scale), keys);
    if (!logSize) return softmax(logits);
    const [B, N] = logSize.shape as [number, number];
    return softmax(ops.add(logits, ops.cast(ops.reshape(logSize, [B, 1, 1, N]), logits.dtype)));
  }

  const composites: Composites<T> = {
    ...attentionComposites(ops, composed),
    softmax(x, axis = -1) {
      const exponentials = ops.exp(ops.sub(x, ops.max(x, axis)));
      return ops.div(exponentials, ops.sum(exponentials, axis));
    },

    linear(x, weight, bias) {
      const product = ops.matMul(x, ops.transpose(weight, [1, 0]));
      return bias ? ops.add(product, bias) : product;
    },

    unfold(x, { kernel, stride, padding }) {
      const [B, C, H, W] = x.shape as [number, number, number, number];
      const [rows, columns] = [0, 1].map((axis) =>
        windowPositions(x.shape[2 + axis]!, kernel[axis]!, stride[axis]!, padding[axis]!),
      ) as [number, number];
      const patches = sameShape(kernel, stride) && padding.every((n) => n === 0) && rows * stride[0] === H;
      const features = [B, rows * columns, C * kernel[0] * kernel[1]];
      if (patches && columns * stride[1] === W) {
        // Two transpositions that each move one axis: first past the columns, then past the channels. ONNX Runtime and
        // TensorFlow.js have a fast path for one moved axis, but not for several.
        const strips = ops.transpose(ops.reshape(x, [B, C * rows, kernel[0], columns, kernel[1]]), [0, 1, 3, 2, 4]);
        const perChannel = ops.reshape(strips, [B, C, rows * columns, kernel[0] * kernel[1]]);
        return ops.reshape(ops.transpose(perChannel, [0, 2, 1, 3]), features);
      }
      // A product with a 0/1 matrix along each axis picks the pixels exactly. Slicing would take one slice a window pixel.
      const along = (axis: 0 | 1) =>
        ops.cast(ops.constant(places(x.shape[2 + axis]!, kernel[axis], stride[axis], padding[axis])), x.dtype);
      const wide = ops.matMul(ops.reshape(x, [B, C * H, W]), along(1));
      const turned = ops.transpose(ops.reshape(wide, [B, C, H, columns * kernel[1]]), [0, 1, 3, 2]);
      const both = ops.matMul(ops.reshape(turned, [B, C * columns * kernel[1], H]), along(0));
      const parts = ops.reshape(both, [B, C, columns, kernel[1], rows, kernel[0]]);
      return ops.reshape(ops.transpose(parts, [0, 4, 2, 1, 5, 3]), features);
    },

    convolution(x, weight, bias, window) {
      const [B, , H, W] = x.shape as [number, number, number, number];
      const [O, ...rest] = weight.shape as [number, ...number[]];
      const { kernel, stride, padding } = window;
      const products = composed().linear(composed().unfold(x, window), ops.reshape(weight, [O, sizeOf(rest)]), bias);
      return ops.reshape(ops.transpose(products, [0, 2, 1]), [
        B,
        O,
        windowPositions(H, kernel[0], stride[0], padding[0]),
        windowPositions(W, kernel[1], stride[1], padding[1]),
      ]);
    },

    resizeBilinear(x, [rows, columns], alignCorners) {
      const [B, C, H, W] = x.shape as [number, number, number, number];
      const along = (length: number, size: number) =>
        ops.cast(ops.constant(interpolation(length, size, Number(alignCorners))), x.dtype);
      // The shorter product first, where sizes grow.
      const wide = ops.matMul(ops.reshape(x, [B, C * H, W]), along(W, columns));
      const weights = ops.reshape(ops.transpose(along(H, rows), [1, 0]), [1, 1, rows, H]);
      return ops.matMul(weights, ops.reshape(wide, [B, C, H, columns]));
    },

    gatherRows(x, rows) {
      const [B, M] = rows.shape as [number, number];
      // Each row of the matrix holds at most one 1, so the product only selects values. It is exact in any precision.
      const picks = ops.equal(ops.reshape(rows, [B, M, 1]), ops.constant(columns(x.shape[1]!)));
      return ops.matMul(ops.cast(picks, x.dtype), x);
    },

    layerNorm(x, weight, bias, epsilon) {
      const C = x.shape[lastAxis(x)]!;
      const centred = ops.sub(x, ops.div(ops.sum(x, lastAxis(x)), C));
      const variance = ops.div(ops.sum(ops.mul(centred, centred), lastAxis(x)), C);
      return ops.add(ops.mul(ops.div(centred, ops.sqrt(ops.add(variance, epsilon))), weight), bias);
    },

    l2Norm: (x) => ops.sqrt(ops.sum(ops.mul(x, x), lastAxis(x))),

    lpNormalize(x, p) {
      const length = p === 1 ? ops.sum(x, lastAxis(x)) : composed().l2Norm(x);
      return ops.div(x, ops.where(ops.equal(length, 0), 1, length));
    },

    activation(x, kind) {
      switch (kind) {
        case "gelu":
          // Graph optimisers recognise and fuse PyTorch's order of operations.
          return ops.mul(ops.mul(x, ops.add(ops.erf(ops.div(x, Math.SQRT2)), 1)), 0.5);
        case "gelu_tanh": {
          const cube = ops.mul(ops.mul(x, x), x);
          const inner = ops.mul(ops.add(x, ops.mul(cube, 0.044715)), Math.sqrt(2 / Math.PI));
          return ops.mul(ops.mul(x, 0.5), ops.add(ops.tanh(inner), 1));
        }
        case "quick_gelu":
          return ops.div(x, ops.add(ops.exp(ops.mul(x, -1.702)), 1));
        case "relu":
          return ops.where(ops.greater(x, 0), x, 0);
        case "silu":
          return ops.div(x, ops.add(ops.exp(ops.mul(x, -1)), 1));
      }
    },

    attention(q, k, v, options) {
      const heads = ops.matMul(attentionWeights(q, k, options), splitHeads(v, options.heads));
      return ops.reshape(ops.transpose(heads, [0, 2, 1, 3]), q.shape);
    },

    classAttention(q, k, { heads, scale, logSize }) {
      const [B, N, C] = k.shape as [number, number, number];
      // Each head's part of q gets its own column. One product then serves all heads, and the keys are not transposed.
      const mask = ops.cast(ops.constant(headColumns(C, heads, scale)), q.dtype);
      const logits = ops.matMul(k, ops.mul(ops.reshape(q, [B, C, 1]), mask));
      const biased = logSize
        ? ops.add(logits, ops.cast(ops.reshape(logSize, [logSize.shape[0]!, N, 1]), q.dtype))
        : logits;
      return ops.reshape(ops.sum(softmax(biased, 1), 2), [B, N]);
    },

    rankDescending(given, leading = 0) {
      const [B, N] = given.shape as [number, number];
      const x = leading === 0 ? given : ops.where(ops.cast(ops.constant(leads(N, leading)), "bool"), greatest, given);
      // rank_j = #{i : x_i > x_j} + #{i < j : x_i = x_j}. Let g_ji = (x_i > x_j). An earlier i ranks before j unless
      // x_j > x_i. So rank_j = j + sum over i > j of g_ji - sum over i < j of g_ij, which compares each pair once.
      const greater = ops.greater(ops.reshape(x, [B, 1, N]), ops.reshape(x, [B, N, 1]));
      const laterWins = ops.mul(ops.cast(greater, "float32"), ops.constant(later(N)));
      const overtaken = ops.reshape(ops.sum(laterWins, 2), [B, N]);
      const overtakes = ops.reshape(ops.sum(laterWins, 1), [B, N]);
      return ops.add(ops.sub(overtaken, overtakes), ops.constant(columns(N)));
    },

    argMax(x) {
      const axis = lastAxis(x);
      const N = x.shape[axis]!;
      const isMaximum = ops.equal(x, ops.max(x, axis));
      // The smallest index among the maxima is minus the largest negated index. Other elements get -N, below all indices.
      const negated = ops.where(isMaximum, ops.mul(ops.constant(columns(N)), -1), -N);
      return ops.mul(ops.reshape(ops.max(negated, axis), x.shape.slice(0, -1)), -1);
    },

    pickPartners(keys, { firstCandidate, firstPartner, firstRow }) {
      const [B, N] = keys.shape as [number, number];
      // A key of length 0 stays 0, so its cosine with every other is 0.
      const metric = composed().lpNormalize(keys, 2);
      const partners = ops.slice(metric, 1, firstPartner, N, 2);
      const cosine = ops.matMul(metric, ops.transpose(partners, [0, 2, 1]));
      const isCandidate = ops.cast(ops.constant(alternate(N, firstCandidate)), "bool");
      return {
        similarity: ops.where(isCandidate, ops.reshape(ops.max(cosine, 2), [B, N]), -4),
        row: ops.where(isCandidate, ops.add(composed().argMax(cosine), firstRow), N),
      };
    },

    compressTokens(destination, count, { size, averaged, summed }) {
      const [B, N] = destination.shape as [number, number];
      // M[k, j] = (destination_j = k)
      const hits = ops.equal(ops.reshape(destination, [B, 1, N]), ops.constant(rows(count)));
      const weights = size ? ops.where(hits, ops.reshape(size, [size.shape[0]!, 1, N]), 0) : ops.cast(hits, "float32");
      const newSize = ops.sum(weights, 2);
      return {
        size: newSize,
        // Dividing the weights before the product keeps sums from overflowing and leaves unmerged tokens unchanged.
        averaged: averaged && ops.matMul(ops.cast(ops.div(weights, newSize), averaged.dtype), averaged),
        summed: summed.map((x) => ops.matMul(ops.cast(hits, x.dtype), x)),
      };
    },
  };
  return composites;
}

/** Composites that TensorFlow.js runs faster than their default decompositions. */
import type { Composites, Overrides, Primitives } from "@ppt-vit/core/backend";
import type { Tensor4D } from "@tensorflow/tfjs-core";
import { attentionByHead } from "./attention.js";
import { differentiable, untaped } from "./gradients.js";
import { type Held, multiply } from "./primitives.js";
import { asOurs, type Tfjs, type TfjsTensor, type TfTensor } from "./tfjs.js";
import type { Traits } from "./traits.js";

export function tfjsOverrides(tf: Tfjs, held: Held, traits: Traits): Overrides<TfjsTensor> {
  const byHead = attentionByHead(tf, held);
  return (ops, defaults) => ({
    linear(x, weight, bias) {
      const [O, I] = weight.shape as [number, number];
      // A parameter is transposed once. A variable is transposed in every run, because it changes and needs its gradient.
      const transposed = held.has(weight) ? held.once(weight, () => tf.transpose(weight)) : tf.transpose(weight);
      const product = multiply(tf, traits, tf.reshape(x, [-1, I]), transposed, bias);
      return asOurs(tf.reshape(product, [...x.shape.slice(0, -1), O]));
    },

    // The transpositions move the channels last, where TensorFlow.js's fast convolutions expect them.
    convolution(x, weight, bias, { stride, padding }) {
      const [vertical, horizontal] = padding;
      const filters = () => tf.transpose(weight, [2, 3, 1, 0]);
      const convolved = tf.conv2d(
        tf.transpose(x, [0, 2, 3, 1]) as Tensor4D,
        (held.has(weight) ? held.once(weight, filters) : filters()) as Tensor4D,
        [...stride],
        [
          [0, 0],
          [vertical, vertical],
          [horizontal, horizontal],
          [0, 0],
        ],
      );
      return asOurs(tf.transpose(bias ? tf.add(convolved, bias) : convolved, [0, 3, 1, 2]));
    },

    resizeBilinear(x, [rows, columns], alignCorners) {
      const channelsLast = tf.transpose(x, [0, 2, 3, 1]) as Tensor4D;
      const resized = tf.image.resizeBilinear(channelsLast, [rows, columns], alignCorners, !alignCorners);
      return asOurs(tf.transpose(resized, [0, 3, 1, 2]));
    },

    ...(traits.slowBatches && {
      /** Elementwise products and sums, because a matrix product per head would be a slow batch. */
      classAttention(q, k, { heads, scale, logSize }) {
        const [B, N, C] = k.shape as [number, number, number];
        const products = ops.reshape(ops.mul(k, ops.mul(q, scale)), [B, N, heads, C / heads]);
        const logits = ops.transpose(ops.reshape(ops.sum(products, 3), [B, N, heads]), [0, 2, 1]);
        const biased = logSize ? ops.add(logits, ops.reshape(logSize, [logSize.shape[0]!, 1, N])) : logits;
        return ops.reshape(ops.sum(asOurs(tf.softmax(biased)), 1), [B, N]);
      },

      attention(q, k, v, options) {
        const few = q.shape[1]! < 8 || k.shape[1]! < 8;
        return few || tf.engine().isTapeOn() ? defaults.attention(q, k, v, options) : byHead(q, k, v, options);
      },
    }),
    ...(traits.fastScatter && { compressTokens: scattered(tf, held, ops) }),
    ...constantChoices(tf, { ...defaults, ...(traits.slowSpread && comparingByArithmetic(tf, held)) }),

    softmax: (x, axis = -1) =>
      axis === -1 || axis === x.shape.length - 1 ? asOurs(tf.softmax(x)) : defaults.softmax(x, axis),

    activation(x, kind) {
      switch (kind) {
        case "gelu":
          return traits.slowErf ? asOurs(geluBySigmoid(tf, held, x)) : defaults.activation(x, kind);
        case "gelu_tanh": {
          // (1 + tanh z) / 2 = sigmoid(2 z)
          const cube = ops.mul(ops.mul(x, x), x);
          const doubled = ops.mul(ops.add(x, ops.mul(cube, 0.044715)), 2 * Math.sqrt(2 / Math.PI));
          return ops.mul(x, asOurs(tf.sigmoid(doubled)));
        }
        case "quick_gelu":
          return ops.mul(x, asOurs(tf.sigmoid(ops.mul(x, 1.702))));
        case "silu":
          return ops.mul(x, asOurs(tf.sigmoid(x)));
        case "relu":
          return asOurs(tf.relu(x));
      }
    },
  });
}

/** Choices, which gradients treat as constants. */
const constantChoices = (
  tf: Tfjs,
  { rankDescending, argMax, pickPartners }: Composites<TfjsTensor>,
): Partial<Composites<TfjsTensor>> => ({
  rankDescending: (x, leading) => untaped(tf, () => rankDescending(x, leading)),
  argMax: (x) => untaped(tf, () => argMax(x)),
  pickPartners: (keys, sets) => untaped(tf, () => pickPartners(keys, sets)),
});

/** The largest power of two in float32. */
const greatestPower = 2 ** 127;

/** `rankDescending` and `argMax` without comparisons of broadcast operands. */
function comparingByArithmetic(tf: Tfjs, held: Held): Pick<Composites<TfjsTensor>, "rankDescending" | "argMax"> {
  const positions = (N: number) => held.table(`positions ${N}`, () => tf.range(0, N));
  /** [N, N], 1 where the column index exceeds the row index, -1 where it is smaller, 0 on the diagonal. */
  const order = (N: number) =>
    held.table(`order ${N}`, () => tf.sign(tf.sub(tf.reshape(positions(N), [1, N]), tf.reshape(positions(N), [N, 1]))));

  return {
    /**
     * Let d = x_i - x_j. A later i ranks before j if d > 0. An earlier i ranks before j unless -d > 0. With o = 1 for a later
     * i and -1 for an earlier one, rank_j = j + sum over i of o (o d > 0), which needs only sums of rows.
     */
    rankDescending(x, leading = 0) {
      const [B, N] = x.shape as [number, number];
      // Clipped, because the difference of two infinities is NaN.
      const clipped = tf.clipByValue(x, -greatestPower, greatestPower);
      // Numbers above the bound tie with leading ones, which come first.
      const others = () => held.table(`all but ${leading} of ${N}`, () => tf.step(tf.sub(positions(N), leading - 0.5)));
      const leaders = () => tf.mul(tf.sub(1, others()), greatestPower);
      const finite = leading === 0 ? clipped : tf.add(tf.mul(clipped, others()), leaders());
      const ahead = tf.mul(tf.sub(tf.reshape(finite, [B, 1, N]), tf.reshape(finite, [B, N, 1])), order(N));
      return asOurs(tf.add(tf.sum(tf.mul(tf.step(ahead), order(N)), 2), positions(N)));
    },

    argMax: (x) => asOurs(tf.cast(tf.argMax(x, -1), "float32")),
  };
}

/** `compressTokens` by scatter-add. Dropped tokens go to an extra row before the first or after the last, which is cut off. */
function scattered(tf: Tfjs, held: Held, ops: Primitives<TfjsTensor>): Composites<TfjsTensor>["compressTokens"] {
  return (destination, count, tokens) => {
    const [B, N] = destination.shape as [number, number];
    const rows = count + 2;
    /** [B, 1], the row of destination 0 in each image. */
    const firsts = held.table(`scatter: ${B} of ${rows}`, () =>
      tf.reshape(tf.add(tf.mul(tf.range(0, B), rows), 1), [B, 1]),
    );
    const places = untaped(tf, () =>
      tf.reshape(tf.cast(tf.add(tf.clipByValue(destination, -1, count), firsts), "int32"), [B * N, 1]),
    );
    const sums = (x: TfjsTensor) => {
      const F = x.shape[2]!;
      const whole = x.shape[0] === B ? x : tf.add(x, tf.zeros([B, 1, 1]));
      const added = scatter(tf, places, tf.reshape(whole, [B * N, F]), B * rows);
      return ops.slice(asOurs(tf.reshape(added, [B, rows, F])), 1, 1, count + 1);
    };
    const { averaged, summed } = tokens;
    const size = sums(tokens.size ?? asOurs(held.table(`scatter: ones of ${N}`, () => tf.fill([1, N, 1], 1))));
    const weighted = averaged && (tokens.size ? ops.mul(averaged, tokens.size) : averaged);
    const mean = weighted && ops.div(sums(weighted), size);
    return { size, averaged: mean, summed: summed.map(sums) };
  };
}

/** Adds row i of x [M, F] to row places[i] of the result [rows, F], places [M, 1]. Its gradient gathers. */
const scatter = (tf: Tfjs, places: TfTensor, x: TfTensor, rows: number): TfTensor =>
  differentiable(tf, {
    inputs: { x },
    forward(save) {
      save([places]);
      return tf.scatterND(places, x, [rows, x.shape[1]!]);
    },
    backward: (dy, [places]) => ({ x: () => tf.gatherND(dy, places!) }),
  });

/**
 * Coefficients of the polynomial p of degree 6 with Phi(x) = sigmoid(x p(x^2)), where Phi is the normal distribution function.
 * p fits logit(Phi(x)) / x for |x| <= 6, with errors weighted by their effect on x Phi(x).
 */
const logitOfPhi = [
  1.59576843, 7.2668567e-2, -6.62599438e-5, -1.10480328e-4, 7.93822017e-6, -2.66892886e-7, 3.61123415e-9,
];

/** x Phi(x), the exact GELU. In float32 it is off by at most 4.3e-7, and by 1e-7 relative to 1 + |gelu(x)|. */
function geluBySigmoid(tf: Tfjs, held: Held, x: TfTensor): TfTensor {
  // Beyond |x| = 6, Phi differs from 0 or 1 by less than 1e-9.
  const near = tf.clipByValue(x, -6, 6);
  const square = tf.square(near);
  const [highest, ...lower] = logitOfPhi.toReversed();
  const polynomial = lower.reduce(
    (sum: TfTensor, coefficient) => tf.add(tf.mul(sum, square), held.number(coefficient)),
    held.number(highest!),
  );
  return tf.mul(x, tf.sigmoid(tf.mul(near, polynomial)));
}

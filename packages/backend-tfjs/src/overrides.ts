/** Composites that TensorFlow.js runs faster than their default decompositions. */
import type { Composites, Overrides, Primitives } from "@ppt-vit/core/backend";
import type { Tensor4D } from "@tensorflow/tfjs-core";
import { attentionByHead } from "./attention.js";
import { type Held, multiply } from "./primitives.js";
import { asOurs, type Tfjs, type TfjsTensor, type TfTensor } from "./tfjs.js";
import type { Traits } from "./traits.js";

export function tfjsOverrides(tf: Tfjs, held: Held, traits: Traits): Overrides<TfjsTensor> {
  const byHead = attentionByHead(tf, held);
  return (ops, defaults) => ({
    linear(x, weight, bias) {
      const [O, I] = weight.shape as [number, number];
      // Once for a parameter; a variable changes, and its gradient has to pass.
      const transposed = held.has(weight) ? held.once(weight, () => tf.transpose(weight)) : tf.transpose(weight);
      const product = multiply(tf, traits, tf.reshape(x, [-1, I]), transposed, bias);
      return asOurs(tf.reshape(product, [...x.shape.slice(0, -1), O]));
    },

    // TensorFlow.js has the channels last.
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
      return asOurs(tf.transpose(tf.add(convolved, bias), [0, 3, 1, 2]));
    },

    ...(traits.slowBatches && {
      /** Sums of products, which a head reads along its rows. */
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
    ...(traits.slowSpread && comparingByArithmetic(tf, held, defaults)),
    ...(traits.fastScatter && { compressTokens: scattered(tf, held, ops, defaults) }),

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

/** The greatest power of two in float32. */
const greatestPower = 2 ** 127;

/** Ranks and places of maxima without comparisons of broadcast operands. They have no gradient of their own. */
function comparingByArithmetic(
  tf: Tfjs,
  held: Held,
  defaults: Composites<TfjsTensor>,
): Partial<Composites<TfjsTensor>> {
  const positions = (N: number) => held.table(`positions ${N}`, () => tf.range(0, N));
  /** [N, N], 1 where the column comes after the row, -1 where it comes before. */
  const order = (N: number) =>
    held.table(`order ${N}`, () => tf.sign(tf.sub(tf.reshape(positions(N), [1, N]), tf.reshape(positions(N), [N, 1]))));

  return {
    /**
     * With d = x_i - x_j, i ranks before j where d > 0 if it comes later, and unless -d > 0 if it comes earlier. With
     * o = 1 for a later i and -1 for an earlier one, rank_j = j + sum over i of o (o d > 0): sums of rows alone.
     */
    rankDescending(x) {
      if (tf.engine().isTapeOn()) return defaults.rankDescending(x);
      const [B, N] = x.shape as [number, number];
      // Infinities have no difference.
      const finite = tf.clipByValue(x, -greatestPower, greatestPower);
      const ahead = tf.mul(tf.sub(tf.reshape(finite, [B, 1, N]), tf.reshape(finite, [B, N, 1])), order(N));
      return asOurs(tf.add(tf.sum(tf.mul(tf.step(ahead), order(N)), 2), positions(N)));
    },

    argMax: (x) => (tf.engine().isTapeOn() ? defaults.argMax(x) : asOurs(tf.cast(tf.argMax(x, -1), "float32"))),
  };
}

/** Adds each row where it belongs. Rows that are dropped meet in one row more in front, or in one more at the end. */
function scattered(
  tf: Tfjs,
  held: Held,
  ops: Primitives<TfjsTensor>,
  defaults: Composites<TfjsTensor>,
): Composites<TfjsTensor>["compressTokens"] {
  return (destination, count, tokens) => {
    if (tf.engine().isTapeOn()) return defaults.compressTokens(destination, count, tokens);
    const [B, N] = destination.shape as [number, number];
    const rows = count + 2;
    /** The row of destination 0 of each image. */
    const firsts = held.table(`scatter: ${B} of ${rows}`, () =>
      tf.reshape(tf.add(tf.mul(tf.range(0, B), rows), 1), [B, 1]),
    );
    const places = tf.reshape(tf.cast(tf.add(tf.clipByValue(destination, -1, count), firsts), "int32"), [B * N, 1]);
    const sums = (x: TfjsTensor) => {
      const F = x.shape[2]!;
      const whole = x.shape[0] === B ? x : tf.add(x, tf.zeros([B, 1, 1]));
      const added = tf.scatterND(places, tf.reshape(whole, [B * N, F]), [B * rows, F]);
      return ops.slice(asOurs(tf.reshape(added, [B, rows, F])), 1, 1, count + 1);
    };
    const { averaged, summed } = tokens;
    const size = sums(tokens.size ?? asOurs(held.table(`scatter: ones of ${N}`, () => tf.fill([1, N, 1], 1))));
    const weighted = averaged && (tokens.size ? ops.mul(averaged, tokens.size) : averaged);
    const mean = weighted && ops.div(sums(weighted), size);
    return { size, averaged: mean, summed: summed.map(sums) };
  };
}

/**
 * Even coefficients of p, where the normal distribution function is sigmoid(x p(x^2)): the polynomial of degree 6 that
 * comes closest to logit(Phi(x)) / x for |x| <= 6, weighted by what an error there means for x Phi(x).
 */
const logitOfPhi = [
  1.59576843, 7.2668567e-2, -6.62599438e-5, -1.10480328e-4, 7.93822017e-6, -2.66892886e-7, 3.61123415e-9,
];

/** x Phi(x), the exact GELU, off by at most 4.3e-7 in float32 arithmetic and 1e-7 relative to 1 + |gelu(x)|. */
function geluBySigmoid(tf: Tfjs, held: Held, x: TfTensor): TfTensor {
  // Beyond 6, Phi is 0 or 1 to 1e-9.
  const near = tf.clipByValue(x, -6, 6);
  const square = tf.square(near);
  const [highest, ...lower] = logitOfPhi.toReversed();
  const polynomial = lower.reduce(
    (sum: TfTensor, coefficient) => tf.add(tf.mul(sum, square), held.number(coefficient)),
    held.number(highest!),
  );
  return tf.mul(x, tf.sigmoid(tf.mul(near, polynomial)));
}

/** Composites that TensorFlow.js runs faster than their default decompositions. */
import type { Overrides } from "@ppt-vit/core";
import type { Habits } from "./habits.js";
import type { Held } from "./primitives.js";
import { asOurs, type Tfjs, type TfjsTensor, type TfTensor } from "./tfjs.js";

export function tfjsOverrides(tf: Tfjs, held: Held, habits: Habits): Overrides<TfjsTensor> {
  return (ops, defaults) => ({
    linear(x, weight, bias) {
      const [O, I] = weight.shape as [number, number];
      const transposed = weight.kept ? held.once(weight, () => tf.transpose(weight)) : tf.transpose(weight);
      const product = tf.fused.matMul({
        a: tf.reshape(x, [-1, I]) as TfTensor,
        b: transposed as TfTensor,
        ...(bias && { bias }),
      });
      return asOurs(tf.reshape(product, [...x.shape.slice(0, -1), O]));
    },

    softmax: (x, axis = -1) =>
      axis === -1 || axis === x.shape.length - 1 ? asOurs(tf.softmax(x)) : defaults.softmax(x),

    activation(x, kind) {
      switch (kind) {
        case "gelu":
          return habits.slowErf ? asOurs(geluBySigmoid(tf, held, x)) : defaults.activation(x, kind);
        case "gelu_tanh": {
          // (1 + tanh z) / 2 = sigmoid(2 z)
          const cube = ops.mul(ops.mul(x, x), x);
          const doubled = ops.mul(ops.add(x, ops.mul(cube, 0.044715)), 2 * Math.sqrt(2 / Math.PI));
          return ops.mul(x, asOurs(tf.sigmoid(doubled)));
        }
        case "quick_gelu":
          return ops.mul(x, asOurs(tf.sigmoid(ops.mul(x, 1.702))));
        case "relu":
          return asOurs(tf.relu(x));
      }
    },

    attention(q, k, v, { heads, scale, logSize }) {
      const [B, M, C] = q.shape as [number, number, number];
      const N = k.shape[1]!;
      const split = (x: TfjsTensor, permutation: number[]) =>
        ops.transpose(ops.reshape(x, [B, x.shape[1]!, heads, C / heads]), permutation);
      const logits = ops.matMul(split(ops.mul(q, scale), [0, 2, 1, 3]), split(k, [0, 2, 3, 1]));
      const biased = logSize ? ops.add(logits, ops.reshape(logSize, [logSize.shape[0]!, 1, 1, N])) : logits;
      const mixed = ops.matMul(asOurs(tf.softmax(biased)), split(v, [0, 2, 1, 3]));
      return ops.reshape(ops.transpose(mixed, [0, 2, 1, 3]), [B, M, C]);
    },
  });
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
  const number = (value: number) => held.once(value, () => tf.scalar(value));
  // Beyond 6, Phi is 0 or 1 to 1e-9.
  const near = tf.clipByValue(x, -6, 6);
  const square = tf.square(near);
  const [highest, ...lower] = logitOfPhi.toReversed();
  const polynomial = lower.reduce(
    (sum: TfTensor, coefficient) => tf.add(tf.mul(sum, square), number(coefficient)),
    number(highest!),
  );
  return tf.mul(x, tf.sigmoid(tf.mul(near, polynomial)));
}

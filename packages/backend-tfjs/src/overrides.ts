/** Composites that TensorFlow.js runs faster than their default decompositions. */
import type { Overrides } from "@ppt-vit/core";
import type { Tensor4D } from "@tensorflow/tfjs-core";
import { type Held, multiply } from "./primitives.js";
import { asOurs, type Tfjs, type TfjsTensor, type TfTensor } from "./tfjs.js";
import type { Traits } from "./traits.js";

export function tfjsOverrides(tf: Tfjs, held: Held, traits: Traits): Overrides<TfjsTensor> {
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

/** The defaults of composites that backends need not override: they are made of other composites. */
import type { Composites, Primitives, Rotation, Tensor } from "./seam.js";

/**
 * The mean of tokens [B, N, C], weighted by their sizes if `logSize` [B or 1, N] is given: a softmax of logarithms divides by their
 * sum. -> [B, 1, C]
 */
export function meanToken<T extends Tensor>(ops: Primitives<T> & Pick<Composites<T>, "softmax">, x: T, logSize?: T): T {
  const N = x.shape[1]!;
  if (!logSize) return ops.div(ops.sum(x, 1), N);
  const weights = ops.softmax(ops.cast(logSize, "float32"));
  return ops.matMul(ops.cast(ops.reshape(weights, [logSize.shape[0]!, 1, N]), x.dtype), x);
}

/** `composed` gives the composites that these are made of. */
export function attentionComposites<T extends Tensor>(
  ops: Primitives<T>,
  composed: () => Composites<T>,
): Pick<Composites<T>, "rotate" | "selfAttention"> {
  /** The rotation of the first `count` tokens. */
  const firstOf = ({ cos, sin }: Rotation<T>, count: number): Rotation<T> =>
    cos.shape[1] === count ? { cos, sin } : { cos: ops.slice(cos, 1, 0, count), sin: ops.slice(sin, 1, 0, count) };

  return {
    rotate(x, heads, { cos, sin }) {
      const [B, N, C] = x.shape as [number, number, number];
      const half = C / heads / 2;
      const perHead = ops.reshape(x, [B, N, heads, 2 * half]);
      const [first, second] = [ops.slice(perHead, 3, 0, half), ops.slice(perHead, 3, half, 2 * half)];
      const [c, s] = [cos, sin].map((table) =>
        ops.cast(ops.reshape(table, [table.shape[0]!, N, 1, half]), x.dtype),
      ) as [T, T];
      const turned = ops.sub(ops.mul(first, c), ops.mul(second, s));
      const behind = ops.add(ops.mul(second, c), ops.mul(first, s));
      return ops.reshape(ops.add(ops.pad(turned, 3, 0, half), ops.pad(behind, 3, half, 0)), x.shape);
    },

    selfAttention(x, { query, key, value }, { rows, observe, rotation, observedKeys, ...options }) {
      const { linear, attention, classAttention, l2Norm, rotate, softmax } = composed();
      const [B, N, C] = x.shape as [number, number, number];
      const { heads } = options;
      const queriesOf = (tokens: T) => {
        const projected = linear(tokens, query.weight, query.bias);
        return rotation ? rotate(projected, heads, firstOf(rotation, tokens.shape[1]!)) : projected;
      };
      const q = queriesOf(rows === undefined ? x : ops.slice(x, 1, 0, rows));
      const projectedKeys = linear(x, key.weight, key.bias);
      const k = rotation ? rotate(projectedKeys, heads, rotation) : projectedKeys;
      const v = linear(x, value.weight, value.bias);
      const mixed = attention(q, k, v, options);
      if (!observe) return { mixed };
      const observing = () => {
        if (observe === "class") return ops.slice(q, 1, 0, 1);
        const mean = (tokens: T) => meanToken({ ...ops, softmax }, tokens, options.logSize);
        // A mean of turned queries is not the turned query of a mean.
        if (rotation) return mean(rows === undefined ? q : queriesOf(x));
        return linear(mean(x), query.weight, query.bias);
      };
      const observed = ops.scope("observe", () => {
        const keys = ops.cast(k, "float32");
        const compared = observedKeys === "plain" ? ops.cast(projectedKeys, "float32") : keys;
        const perHead = ops.reshape(compared, [B, N, heads, C / heads]);
        return {
          classAttention: classAttention(ops.cast(observing(), "float32"), keys, options),
          keys: ops.reshape(ops.sum(perHead, 2), [B, N, C / heads]),
          valueNorms: ops.reshape(l2Norm(ops.cast(v, "float32")), [B, N]),
        };
      });
      return { mixed, observed };
    },
  };
}

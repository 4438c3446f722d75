/** What an engine's arithmetic can be held to, found out by running a little of it. */
import type { Capabilities } from "@ppt-vit/core";
import type { Engine } from "./engine.js";
import type { TfTensor } from "./tfjs.js";

/** Lost by 11 bits of mantissa (half floats, TensorFloat-32) and by 8 (bfloat16), kept by 24. */
const justAboveOne = 1 + 2 ** -12;

/** Large enough for the matrix units of GPUs, which is where TensorFloat-32 comes in. */
const N = 64;

/**
 * Runs two small programs on the engine and reads the results back once.
 * `precision` is reduced where a product or storage rounds to fewer bits than float32 has: WebGL without float32 render
 * targets, TensorFloat-32. `nonFinite` is whether comparisons, `where` and `max` treat infinities and NaN as IEEE 754 says.
 */
export async function probe(engine: Engine): Promise<Pick<Capabilities, "precision" | "nonFinite">> {
  const { tf } = engine;
  const results = engine.active(() =>
    tf.tidy(() => {
      const identity = tf.tensor(
        Float32Array.from({ length: N * N }, (_, i) => (i % (N + 1) === 0 ? 1 : 0)),
        [N, N],
      );
      const values = tf.tensor(new Float32Array(N * N).fill(justAboveOne), [N, N]);
      const product = tf.max(tf.matMul(values, identity));

      const special = Float32Array.of(-Infinity, -1, 0, Infinity, Number.NaN);
      const row = tf.tensor(special, [1, 5]);
      const column = tf.tensor(special, [5, 1]);
      const asFloats = (x: TfTensor) => tf.reshape(tf.cast(x, "float32"), [-1]);
      const chosen = tf.where(tf.greater(row, 0), row, tf.log(tf.tensor(Float32Array.of(-1, -1, -1, -1, -1), [1, 5])));
      return tf.concat([
        tf.reshape(product, [1]),
        asFloats(tf.greater(column, row)),
        asFloats(tf.equal(column, row)),
        tf.reshape(tf.max(tf.slice(row, [0, 0], [1, 4])), [1]),
        tf.reshape(tf.slice(chosen, [0, 3], [1, 1]), [1]),
      ]);
    }),
  );
  const [product, ...rest] = await results.data<"float32">();
  results.dispose();

  const special = [-Infinity, -1, 0, Infinity, Number.NaN];
  const compare = (f: (a: number, b: number) => boolean) => special.flatMap((a) => special.map((b) => Number(f(a, b))));
  const expected = [...compare((a, b) => a > b), ...compare((a, b) => a === b), Infinity, Infinity];
  return {
    precision: product === Math.fround(justAboveOne) ? "float32" : "reduced",
    nonFinite: expected.every((value, i) => value === rest[i]),
  };
}

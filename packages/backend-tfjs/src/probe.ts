/** Finds out the precision of an engine, and whether it follows IEEE 754, by running small programs. */
import { hostTensor } from "@ppt-vit/core";
import type { Capabilities } from "@ppt-vit/core/backend";
import type { Engine } from "./engine.js";
import { upload } from "./primitives.js";

/** Rounds to 1 with 11 bits of mantissa (half floats, TensorFloat-32) or 8 (bfloat16), but not with float32's 24. */
const justAboveOne = 1 + 2 ** -12;

/** Large enough for a GPU to use its matrix units, which may compute in TensorFloat-32. */
const N = 64;

const special = [-Infinity, -1, 0, Infinity, Number.NaN];

/**
 * Runs two small programs on the engine, and reads the results back once. `precision` is reduced if products or storage round
 * to fewer bits than float32 has, as with TensorFloat-32 or WebGL without float32 render targets. `nonFinite` tells whether
 * comparisons, `where` and `max` treat infinities and NaN as IEEE 754 says.
 */
export async function probe(engine: Engine): Promise<Pick<Capabilities, "precision" | "nonFinite">> {
  const { tf } = engine;
  const results = engine.active(() =>
    tf.tidy(() => {
      const identity = hostTensor([N, N], (i) => (i % (N + 1) === 0 ? 1 : 0));
      const values = hostTensor([N, N], () => justAboveOne);
      const product = tf.max(tf.matMul(upload(tf, values), upload(tf, identity)));

      // GPU engines compute small tensors on the CPU unless one is already on the GPU, so a GPU result is added.
      const onDevice = (...shape: number[]) =>
        tf.add(upload(tf, { shape, data: Float32Array.from(special) }), tf.sub(product, product));
      const [row, column] = [onDevice(1, special.length), onDevice(special.length, 1)];
      const chosen = tf.where(tf.greater(row, 0), row, tf.log(tf.fill([1, special.length], -1)));
      return tf.concat(
        [
          product,
          tf.cast(tf.greater(column, row), "float32"),
          tf.cast(tf.equal(column, row), "float32"),
          tf.max(tf.slice(row, [0, 0], [1, special.length - 1])),
          // Some engines start their maximum from a finite number, and never return -Infinity.
          tf.max(tf.slice(row, [0, 0], [1, 1])),
          tf.slice(chosen, [0, special.indexOf(Infinity)], [1, 1]),
        ].map((x) => tf.reshape(x, [-1])),
      );
    }),
  );
  const [product, ...rest] = await results.data<"float32">();
  results.dispose();

  const compare = (f: (a: number, b: number) => boolean) => special.flatMap((a) => special.map((b) => Number(f(a, b))));
  const expected = [...compare((a, b) => a > b), ...compare((a, b) => a === b), Infinity, -Infinity, Infinity];
  return {
    precision: product === Math.fround(justAboveOne) ? "float32" : "reduced",
    nonFinite: expected.every((value, i) => value === rest[i]),
  };
}

/** The primitives as operations of TensorFlow.js. They have gradients where TensorFlow.js has them. */
import {
  broadcastShapes,
  type HostTensor,
  type Operand,
  type Primitives,
  type Shape,
  sameShape,
  sizeOf,
  withLength,
} from "@ppt-vit/core/backend";
import { differentiable, untaped } from "./gradients.js";
import { asOurs, type Tfjs, type TfjsTensor, type TfTensor } from "./tfjs.js";
import type { Traits } from "./traits.js";

/** Tensors that outlive a run: parameters, tensors derived from parameters, constants, and tables. */
export interface Held {
  /** A tensor that stays until `dispose`. The first call with a key makes it. */
  once(key: object, make: () => TfTensor): TfjsTensor;
  /** Whether `once` made the tensor. */
  has(x: TfTensor): boolean;
  /**
   * A constant of the program, found again by its host tensor. It is freed at the end of a run that did not ask for it. So a
   * constant that the program makes anew in every run lives until the end of the next run.
   */
  constant(host: HostTensor): TfjsTensor;
  /** A number as a tensor. It lives as long as a constant. */
  number(value: number): TfjsTensor;
  /** A tensor that depends on shapes alone, such as indices. It lives as long as a constant, so tables follow the batch. */
  table(name: string, make: () => TfTensor): TfjsTensor;
  /** Frees the constants, numbers and tables that this run did not ask for. */
  endRun(): void;
  /** Frees everything. */
  dispose(): void;
}

/**
 * Set `runs` to false if `endRun` is never called. Constants then belong to the `tf.tidy` in which they are made, and tables
 * stay until `dispose`.
 */
export function holdTensors(tf: Tfjs, { runs = true } = {}): Held {
  type Key = HostTensor | number | string;
  const lasting = new Map<object, TfTensor>();
  const own = new Set<TfTensor>();
  const passing = new Map<Key, TfTensor>();
  /** Keys that the current run asked for. */
  const asked = new Set<Key>();

  function kept<K>(map: Map<K, TfTensor>, key: K, make: () => TfTensor): TfjsTensor {
    const tensor = map.get(key) ?? tf.keep(make());
    map.set(key, tensor);
    return asOurs(tensor);
  }
  function forThisRun(key: Key, make: () => TfTensor): TfjsTensor {
    asked.add(key);
    return kept(passing, key, make);
  }
  const constant = runs ? forThisRun : (_key: Key, make: () => TfTensor) => asOurs(make());
  return {
    once(key, make) {
      const tensor = kept(lasting, key, make);
      own.add(tensor);
      return tensor;
    },
    has: (x) => own.has(x),
    constant: (host) => constant(host, () => upload(tf, host)),
    number: (value) => constant(value, () => tf.scalar(value, "float32")),
    table: forThisRun,
    endRun() {
      for (const [key, tensor] of passing) {
        if (asked.has(key)) continue;
        tensor.dispose();
        passing.delete(key);
      }
      asked.clear();
    },
    dispose() {
      for (const tensor of [...own, ...passing.values()]) tensor.dispose();
      own.clear();
      lasting.clear();
      passing.clear();
    },
  };
}

/** [length, 1], indices along the first axis for `gatherND`. */
export const indices = (tf: Tfjs, held: Held, name: string, length: number, at: (i: number) => number): TfTensor =>
  held.table(name, () =>
    tf.tensor(
      Int32Array.from({ length }, (_, i) => at(i)),
      [length, 1],
      "int32",
    ),
  );

/** A tensor of these values. Engines on host memory share them instead of copying. */
export const upload = (tf: Tfjs, { data, shape }: HostTensor): TfTensor => tf.tensor(data, [...shape], "float32");

export function tfjsPrimitives(tf: Tfjs, held: Held, traits: Traits): Primitives<TfjsTensor> {
  /** The operand as a tensor. A number is uploaded once for all runs that use it. */
  const tensorOf = (x: Operand<TfjsTensor>): TfTensor => (typeof x === "number" ? held.number(x) : x);
  const shapeOf = (x: Operand<TfjsTensor>): Shape => (typeof x === "number" ? [] : x.shape);

  const arithmetic =
    (op: "add" | "sub" | "mul" | "div") =>
    (a: Operand<TfjsTensor>, b: Operand<TfjsTensor>): TfjsTensor =>
      asOurs(tf[op](tensorOf(a), tensorOf(b)));
  const unary =
    (op: "exp" | "log" | "sqrt" | "tanh" | "erf") =>
    (x: TfjsTensor): TfjsTensor =>
      asOurs(tf[op](x));

  /** x broadcast to `shape`, for operations that cannot broadcast or do it slowly. */
  function spread(x: Operand<TfjsTensor>, shape: Shape): TfTensor {
    if (typeof x === "number") return tf.fill([...shape], x, "float32");
    if (sameShape(x.shape, shape)) return x;
    // The gradient of a sum with zeros is one sum. That of `broadcastTo` takes an operation for each repetition.
    const bySum = traits.slowSpread || tf.engine().isTapeOn();
    if (x.dtype !== "bool") return bySum ? tf.add(x, tf.zeros([...shape])) : tf.broadcastTo(x, [...shape]);
    return untaped(tf, () =>
      traits.slowSpread
        ? tf.notEqual(tf.add(tf.cast(x, "float32"), tf.zeros([...shape])), tf.zeros([...shape]))
        : tf.broadcastTo(x, [...shape]),
    );
  }

  const comparison =
    (op: "greater" | "equal" | "notEqual") =>
    (a: Operand<TfjsTensor>, b: Operand<TfjsTensor>): TfjsTensor =>
      untaped(tf, () => {
        if (!traits.slowSpread || typeof a === "number" || typeof b === "number")
          return asOurs(tf[op](tensorOf(a), tensorOf(b)));
        const shape = broadcastShapes(op, a.shape, b.shape);
        return asOurs(tf[op](spread(a, shape), spread(b, shape)));
      });

  /** x [..., rows, columns] -> n matrices [1, rows, columns]. It gathers, because a slice copies all of x each time. */
  function matrices(x: TfTensor, n: number): TfTensor[] {
    const list = tf.reshape(x, [n, ...x.shape.slice(-2)]);
    return Array.from({ length: n }, (_, i) =>
      tf.gatherND(
        list,
        indices(tf, held, `matrix ${i}`, 1, () => i),
      ),
    );
  }

  function matMul(a: TfTensor, b: TfTensor): TfTensor {
    const [left, right] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
    const [M, K, N] = [a.shape.at(-2)!, a.shape.at(-1)!, b.shape.at(-1)!];
    const leading = broadcastShapes("matMul", left, right);
    // If b is a single matrix, one product takes the rows of all matrices of a.
    if (sizeOf(right) === 1) {
      const rows = multiply(tf, traits, tf.reshape(a, [-1, K]), tf.reshape(b, [K, N]));
      return tf.reshape(rows, [...leading, M, N]);
    }
    // Operands are broadcast here, because TensorFlow.js repeats the smaller batch in turns instead of broadcasting it.
    const x = sizeOf(left) === 1 || sameShape(left, leading) ? a : spread(asOurs(a), [...leading, M, K]);
    const y = sameShape(right, leading) ? b : spread(asOurs(b), [...leading, K, N]);
    if (!traits.slowBatches) return multiply(tf, traits, x, y);
    if (!tf.engine().isTapeOn()) return batch(x, y, leading);
    return differentiable(tf, {
      inputs: { x, y },
      forward(save) {
        save([x, y]);
        return batch(x, y, leading);
      },
      backward: (dy, [x, y]) => ({
        x: () => summedTo(batch(dy, turned(y!), leading), x!.shape),
        y: () => summedTo(batch(turned(x!), dy, leading), y!.shape),
      }),
    });
  }

  /** Products of matrices, one by one. A single matrix as `x` multiplies all of `y`. */
  function batch(x: TfTensor, y: TfTensor, leading: Shape): TfTensor {
    const [M, K, N] = [x.shape.at(-2)!, x.shape.at(-1)!, y.shape.at(-1)!];
    const single = sizeOf(x.shape) === M * K;
    // With few rows or columns, separating the matrices takes longer than the product.
    if (M < 8 || N < 8) return multiply(tf, traits, x, y);
    const n = sizeOf(leading);
    const xs = single ? new Array<TfTensor>(n).fill(tf.reshape(x, [1, M, K])) : matrices(x, n);
    const products = matrices(y, n).map((matrix, i) => tf.matMul(xs[i]!, matrix));
    return tf.reshape(tf.concat(products, 0), [...leading, M, N]);
  }

  /** [..., M, N] -> [..., N, M] */
  const turned = (x: TfTensor): TfTensor => {
    const axes = x.shape.map((_, i) => i);
    return transpose(tf, x, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!]);
  };

  /** The sum over the matrices, where a single one was used for all. */
  const summedTo = (x: TfTensor, shape: Shape): TfTensor =>
    sizeOf(shape) === sizeOf(x.shape)
      ? tf.reshape(x, [...shape])
      : tf.reshape(tf.sum(tf.reshape(x, [-1, ...shape.slice(-2)]), 0), [...shape]);

  const slice = (x: TfTensor, axis: number, start: number, length: number): TfTensor =>
    tf.slice(
      x,
      x.shape.map((_, i) => (i === axis ? start : 0)),
      [...withLength(x.shape, axis, length)],
    );

  /** Whether a slice should gather rows. For short rows the indices cost more than the copy. gatherND has no gradient. */
  const gathersSlices = (x: TfTensor, axis: number): boolean =>
    traits.slowSlices && sizeOf(x.shape.slice(axis + 1)) >= 16 && !tf.engine().isTapeOn();

  /** A slice as rows: each row holds the values after the axis, and the rows at the wanted indices are gathered. */
  function gatherSlice(x: TfTensor, axis: number, start: number, end: number, step: number): TfTensor {
    const [length, count] = [x.shape[axis]!, Math.ceil((end - start) / step)];
    const [outer, inner] = [x.shape.slice(0, axis), x.shape.slice(axis + 1)];
    const groups = sizeOf(outer);
    const key = `slice ${[groups, length, start, end, step]}`;
    const at = (i: number) => Math.floor(i / count) * length + start + (i % count) * step;
    const rows = tf.gatherND(
      tf.reshape(x, [groups * length, sizeOf(inner)]),
      indices(tf, held, key, groups * count, at),
    );
    return tf.reshape(rows, [...outer, count, ...inner]);
  }

  const pad = (x: TfTensor, axis: number, before: number, after: number): TfTensor =>
    tf.pad(
      x,
      x.shape.map((_, i): [number, number] => (i === axis ? [before, after] : [0, 0])),
    );

  return {
    constant: (host) => held.constant(host),
    reshape: (x, shape) => asOurs(tf.reshape(x, [...shape])),
    transpose: (x, permutation) => asOurs(transpose(tf, x, permutation)),
    slice(x, axis, start, end, step = 1) {
      if (gathersSlices(x, axis)) return asOurs(gatherSlice(x, axis, start, end, step));
      if (step === 1) return asOurs(slice(x, axis, start, end - start));
      // Takes the first of every `step` elements by reshaping, because TensorFlow.js's strided slice has no gradient.
      const count = Math.ceil((end - start) / step);
      const missing = Math.max(0, start + count * step - x.shape[axis]!);
      const groups = slice(missing > 0 ? pad(x, axis, 0, missing) : x, axis, start, count * step);
      const apart = tf.reshape(groups, [...x.shape.slice(0, axis), count, step, ...x.shape.slice(axis + 1)]);
      return asOurs(tf.reshape(slice(apart, axis + 1, 0, 1), [...withLength(x.shape, axis, count)]));
    },
    pad: (x, axis, before, after) => asOurs(pad(x, axis, before, after)),
    // TensorFlow.js has no half precision, so float16 stays float32. On some engines its own cast to bool keeps numbers
    // other than 0 and 1, so bools come from a comparison.
    cast: (x, dtype) => (dtype === "bool" ? comparison("notEqual")(x, 0) : asOurs(tf.cast(x, "float32"))),
    add: arithmetic("add"),
    sub: arithmetic("sub"),
    mul: arithmetic("mul"),
    div: arithmetic("div"),
    exp: unary("exp"),
    log: unary("log"),
    sqrt: unary("sqrt"),
    tanh: unary("tanh"),
    erf: unary("erf"),
    greater: comparison("greater"),
    equal: comparison("equal"),
    where(condition, a, b) {
      const shape = broadcastShapes("where", broadcastShapes("where", shapeOf(a), shapeOf(b)), condition.shape);
      return asOurs(tf.where(spread(condition, shape), spread(a, shape), spread(b, shape)));
    },
    sum: (x, axis) => asOurs(tf.sum(x, axis, true)),
    max: (x, axis) => asOurs(tf.max(x, axis, true)),
    matMul: (a, b) => asOurs(matMul(a, b)),
    scope: <R>(name: string, body: () => R) => tf.tidy(name, body as () => TfTensor) as R,
  };
}

/** a [..., M, K] times b [..., K, N], plus bias [N]. */
export function multiply(tf: Tfjs, traits: Traits, a: TfTensor, b: TfTensor, bias?: TfTensor): TfTensor {
  const clean = (x: TfTensor) => (traits.dirtyPadding && a.shape.at(-1)! % 2 === 1 ? tf.div(x, 1) : x);
  if (!tf.engine().isTapeOn()) {
    return bias ? tf.fused.matMul({ a: clean(a), b: clean(b), bias }) : tf.matMul(clean(a), clean(b));
  }
  // The gradient of a fused product computes that of a frozen weight, too.
  const product =
    traits.slowBatches && a.shape.length === 2 && b.shape.length === 2
      ? productOfTwo(tf, a, b)
      : tf.matMul(clean(a), clean(b));
  return bias ? tf.add(product, bias) : product;
}

/** a [M, K] times b [K, N]. TensorFlow.js's gradient multiplies by transposed operands, which wasm does in a plain loop. */
const productOfTwo = (tf: Tfjs, a: TfTensor, b: TfTensor): TfTensor =>
  differentiable(tf, {
    inputs: { a, b },
    forward(save) {
      save([a, b]);
      return tf.matMul(a, b);
    },
    backward: (dy, [a, b]) => ({
      a: () => tf.matMul(dy, tf.transpose(b!)),
      b: () => tf.matMul(tf.transpose(a!), dy),
    }),
  });

/**
 * Any permutation. More than four dimensions are transposed in steps, each of which moves one dimension to its place. wasm
 * transposes the patches of eight pictures, in six dimensions, in 60 ms at once, but in less than 1 ms in two steps.
 */
function transpose(tf: Tfjs, x: TfTensor, permutation: readonly number[]): TfTensor {
  if (permutation.length <= 4) return tf.transpose(x, [...permutation]);
  let order = x.shape.map((_, i) => i);
  let result = x;
  const size = (axes: readonly number[]) => sizeOf(axes.map((axis) => x.shape[axis]!));
  for (let place = 0; place < order.length; place++) {
    const from = order.indexOf(permutation[place]!);
    if (from === place) continue;
    const [before, passed, moved, rest] = [
      order.slice(0, place),
      order.slice(place, from),
      order.slice(from, from + 1),
      order.slice(from + 1),
    ];
    const grouped = tf.reshape(result, [size(before), size(passed), size(moved), size(rest)]);
    result = tf.transpose(grouped, [0, 2, 1, 3]);
    order = [...before, ...moved, ...passed, ...rest];
  }
  return tf.reshape(
    result,
    permutation.map((axis) => x.shape[axis]!),
  );
}

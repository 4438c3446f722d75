/**
 * A complete backend: 22 primitives as loops over Float32Array. Attention, layer norms, the ranking of tokens and everything else
 * of the model run as their default decompositions into these. It is slow, and right.
 *
 *   npx ppt-vit classify --backend ./my-backend.js photo.jpg
 */
import { PptError } from "@ppt-vit/core";
import {
  broadcastShapes,
  compileEager,
  matMulShape,
  resolveOps,
  sizeOf,
  stridesOf,
  withLength,
} from "@ppt-vit/core/backend";

/** A tensor in host memory, row-major; bools are 0 and 1. The seam asks for `shape` and `dtype`, the rest is ours. */
const tensor = (shape, data, dtype = "float32") => ({ shape, data, dtype });

/**
 * Where the elements of `shape`, in row-major order, lie in memory with these strides. A stride of 0 repeats an element, which
 * is how broadcasting is done; exchanged strides are a transpose, larger ones a slice with a step.
 */
function offsetsOf(shape, strides, start = 0) {
  let offsets = Int32Array.of(start);
  for (const [axis, length] of shape.entries()) {
    const deeper = new Int32Array(offsets.length * length);
    for (let o = 0; o < offsets.length; o++)
      for (let i = 0; i < length; i++) deeper[o * length + i] = offsets[o] + i * strides[axis];
    offsets = deeper;
  }
  return offsets;
}

/** Strides that broadcast a tensor of shape `from` to `shape`: missing dimensions and those of length 1 repeat. */
function broadcastStrides(from, shape) {
  const own = stridesOf(from);
  const missing = shape.length - from.length;
  return shape.map((_, axis) => (axis < missing || from[axis - missing] === 1 ? 0 : own[axis - missing]));
}

/** The elements of `x` at the given offsets, as a tensor of `shape`. */
function gather(x, shape, offsets) {
  const data = new Float32Array(offsets.length);
  for (let i = 0; i < data.length; i++) data[i] = x.data[offsets[i]];
  return tensor(shape, data, x.dtype);
}

/** f of each element of one, two or three operands, which are broadcast; a number is a tensor without dimensions. */
const elementwise =
  (f, dtype = "float32") =>
  (...operands) => {
    const tensors = operands.map((x) => (typeof x === "number" ? tensor([], Float32Array.of(x)) : x));
    const shape = tensors.map((x) => x.shape).reduce((a, b) => broadcastShapes("elementwise", a, b));
    const [a, b = a, c = a] = tensors.map(
      (x) => gather(x, shape, offsetsOf(shape, broadcastStrides(x.shape, shape))).data,
    );
    const data = new Float32Array(sizeOf(shape));
    for (let i = 0; i < data.length; i++) data[i] = f(a[i], b[i], c[i]);
    return tensor(shape, data, dtype);
  };

/** Combines the elements along an axis, which stays with length 1. Sums run in float64. */
const reduce = (first, combine) => (x, axis) => {
  const strides = stridesOf(x.shape);
  const shape = withLength(x.shape, axis, 1);
  const data = Float32Array.from(offsetsOf(shape, strides), (start) => {
    let value = first;
    for (let i = 0; i < x.shape[axis]; i++) value = combine(value, x.data[start + i * strides[axis]]);
    return value;
  });
  return tensor(shape, data);
};

/** 2 / sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)): all terms have one sign, so nothing cancels. */
function erf(x) {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = (2 / Math.sqrt(Math.PI)) * x * Math.exp(-x * x);
  let sum = 0;
  let n = 0;
  do {
    sum += term;
    n += 1;
    term *= (2 * x * x) / (2 * n + 1);
  } while (Math.abs(term) > 1e-17);
  return sum;
}

/** Shapes and types are checked before any of these is called, so none of them checks its operands. */
const primitives = {
  constant: (host) => tensor(host.shape, host.data),
  reshape: (x, shape) => tensor(shape, x.data, x.dtype),

  transpose(x, permutation) {
    const strides = stridesOf(x.shape);
    const shape = permutation.map((axis) => x.shape[axis]);
    return gather(
      x,
      shape,
      offsetsOf(
        shape,
        permutation.map((axis) => strides[axis]),
      ),
    );
  },

  slice(x, axis, start, end, step = 1) {
    const strides = stridesOf(x.shape);
    const shape = withLength(x.shape, axis, Math.ceil((end - start) / step));
    return gather(x, shape, offsetsOf(shape, withLength(strides, axis, strides[axis] * step), start * strides[axis]));
  },

  pad(x, axis, before, after) {
    const shape = withLength(x.shape, axis, before + x.shape[axis] + after);
    const strides = stridesOf(shape);
    const data = new Float32Array(sizeOf(shape));
    for (const [i, place] of offsetsOf(x.shape, strides, before * strides[axis]).entries()) data[place] = x.data[i];
    return tensor(shape, data, x.dtype);
  },

  cast(x, dtype) {
    if (dtype === "bool") return elementwise((value) => Number(value !== 0), "bool")(x);
    // There is no half precision here. A cast to it keeps float32, as the seam says.
    return elementwise((value) => value)(x);
  },

  add: elementwise((a, b) => a + b),
  sub: elementwise((a, b) => a - b),
  mul: elementwise((a, b) => a * b),
  div: elementwise((a, b) => a / b),
  exp: elementwise(Math.exp),
  log: elementwise(Math.log),
  sqrt: elementwise(Math.sqrt),
  tanh: elementwise(Math.tanh),
  erf: elementwise(erf),
  greater: elementwise((a, b) => Number(a > b), "bool"),
  equal: elementwise((a, b) => Number(a === b), "bool"),
  where: elementwise((condition, a, b) => (condition === 1 ? a : b)),
  sum: reduce(0, (sum, value) => sum + value),
  max: reduce(Number.NEGATIVE_INFINITY, Math.max),

  /** a [..., M, K] times b [..., K, N]: a product for each pair of matrices, row by row. */
  matMul(a, b) {
    const shape = matMulShape(a.shape, b.shape);
    const leading = shape.slice(0, -2);
    const [M, N] = shape.slice(-2);
    const K = a.shape.at(-1);
    const matricesOf = (x) => offsetsOf(leading, broadcastStrides(x.shape.slice(0, -2), leading));
    const [ofA, ofB] = [matricesOf(a), matricesOf(b)];
    const data = new Float32Array(sizeOf(shape));
    for (let matrix = 0; matrix < ofA.length; matrix++)
      for (let m = 0; m < M; m++) {
        const row = new Float64Array(N);
        for (let k = 0; k < K; k++) {
          const value = a.data[(ofA[matrix] * M + m) * K + k];
          const start = (ofB[matrix] * K + k) * N;
          for (let n = 0; n < N; n++) row[n] += value * b.data[start + n];
        }
        data.set(row, (matrix * M + m) * N);
      }
    return tensor(shape, data);
  },

  // A scope tells when memory can be released. The garbage collector does that here.
  scope: (_name, body) => body(),
};

/** @returns {import("@ppt-vit/core").Backend} */
export function createMyBackend() {
  const executables = new Set();
  let disposed = false;
  return {
    specVersion: 1,
    name: "my-backend",
    capabilities: { precision: "float32", batchInvariant: true, nonFinite: true },

    async compile(program, options) {
      if (disposed) throw new PptError("DISPOSED", "compile: this backend was disposed; create another");
      const session = {
        ops: resolveOps(primitives),
        upload: (host) => tensor(host.shape, host.data),
        download: async (x) => ({ shape: x.shape, data: x.data.slice() }),
        endRun() {},
        dispose: () => executables.delete(executable),
      };
      const executable = compileEager(session, program, options);
      executables.add(executable);
      return executable;
    },

    async dispose() {
      disposed = true;
      await Promise.all([...executables].map((executable) => executable.dispose()));
    },
  };
}

/**
 * What `registerBackend` and `--backend ./my-backend.js` take.
 * @type {import("@ppt-vit/core").BackendDescriptor}
 */
export default { name: "my-backend", open: async () => createMyBackend() };

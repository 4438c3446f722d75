/** The primitives on tensors whose elements are a Float32Array. Sums are accumulated in float64, in a fixed order. */
import { broadcastShapes, type Operand, type Primitives, sizeOf, stridesOf, withLength } from "@ppt-vit/core/backend";
import { erf } from "./kernels/erf.js";
import { broadcastStrides, rowLoop } from "./kernels/strided.js";
import type { TensorStore } from "./store.js";
import { type CpuTensor, cpuTensor } from "./tensor.js";

type Arithmetic = "add" | "sub" | "mul" | "div";
type Comparison = "greater" | "equal";

/** All primitives but the product of matrices. */
export function plainPrimitives<T extends CpuTensor>(store: TensorStore<T>): Omit<Primitives<T>, "matMul"> {
  const { take } = store;

  const asTensor = (x: Operand<T>): CpuTensor => (typeof x === "number" ? cpuTensor([], Float32Array.of(x)) : x);

  function binary(op: Arithmetic | Comparison, dtype: CpuTensor["dtype"]) {
    return (left: Operand<T>, right: Operand<T>): T => {
      const a = asTensor(left);
      const b = asTensor(right);
      const out = take(broadcastShapes(op, a.shape, b.shape), dtype);
      const rows = rowLoop(out.shape, [broadcastStrides(a.shape, out.shape), broadcastStrides(b.shape, out.shape)]);
      const [stepA, stepB] = rows.steps as [number, number];
      rows.forEach((o, [offsetA, offsetB]) => {
        binaryRow(op, a.data, offsetA!, stepA, b.data, offsetB!, stepB, out.data, o, rows.length);
      });
      return out;
    };
  }

  function unary(f: (x: number) => number) {
    return (x: T): T => {
      const out = take(x.shape);
      const [from, to] = [x.data, out.data];
      for (let i = 0; i < to.length; i++) to[i] = f(from[i]!);
      return out;
    };
  }

  /** Sum or maximum along `axis`, which keeps length 1. The operation is chosen outside the inner loops, for speed. */
  function reduce(op: "sum" | "max", x: T, axis: number): T {
    const out = take(withLength(x.shape, axis, 1));
    const inner = sizeOf(x.shape.slice(axis + 1));
    const span = x.shape[axis]! * inner;
    const [from, to] = [x.data, out.data];
    if (op === "sum" && inner > 1) {
      // Neighbouring sums side by side, so that elements are read as they lie.
      const sums = new Float64Array(inner);
      for (let i = 0; i < to.length; i += inner) {
        sums.fill(0);
        for (let k = (i / inner) * span; k < (i / inner + 1) * span; k += inner)
          for (let j = 0; j < inner; j++) sums[j]! += from[k + j]!;
        to.set(sums, i);
      }
      return out;
    }
    for (let i = 0; i < to.length; i++) {
      const first = Math.floor(i / inner) * span + (i % inner);
      const end = first + span;
      if (op === "sum") {
        let sum = 0;
        for (let k = first; k < end; k += inner) sum += from[k]!;
        to[i] = sum;
      } else {
        // Math.max returns NaN if either side is NaN, like IEEE 754's maximum.
        let max = Number.NEGATIVE_INFINITY;
        for (let k = first; k < end; k += inner) max = Math.max(max, from[k]!);
        to[i] = max;
      }
    }
    return out;
  }

  /** Copies spans of `length` elements. `from` and `to` are the start of the first span and the step to the next. */
  function copySpans(x: CpuTensor, out: CpuTensor, length: number, from: [number, number], to: [number, number]): void {
    const spans = length === 0 ? 0 : Math.floor((x.data.length - from[0] + from[1] - 1) / from[1]);
    for (let i = 0; i < spans; i++) {
      const start = from[0] + i * from[1];
      out.data.set(x.data.subarray(start, start + length), to[0] + i * to[1]);
    }
  }

  return {
    constant: store.constant,
    reshape: (x, shape) => store.share(x, shape, x.dtype),

    transpose(x, permutation) {
      const own = stridesOf(x.shape);
      const out = take(
        permutation.map((p) => x.shape[p]!),
        x.dtype,
      );
      const rows = rowLoop(out.shape, [permutation.map((p) => own[p]!)]);
      const step = rows.steps[0]!;
      rows.forEach((o, [offset]) => {
        for (let i = 0; i < rows.length; i++) out.data[o + i] = x.data[offset! + i * step]!;
      });
      return out;
    },

    slice(x, axis, start, end, step = 1) {
      const count = Math.ceil((end - start) / step);
      const inner = sizeOf(x.shape.slice(axis + 1));
      const out = take(withLength(x.shape, axis, count), x.dtype);
      // With step 1 all elements along the axis are copied in one span.
      const span = (step === 1 ? count : 1) * inner;
      for (let to = 0; to < count * inner; to += span)
        copySpans(x, out, span, [start * inner + to * step, x.shape[axis]! * inner], [to, count * inner]);
      return out;
    },

    pad(x, axis, before, after) {
      const inner = sizeOf(x.shape.slice(axis + 1));
      const out = take(withLength(x.shape, axis, x.shape[axis]! + before + after));
      out.data.fill(0);
      const span = x.shape[axis]! * inner;
      copySpans(x, out, span, [0, span], [before * inner, span + (before + after) * inner]);
      return out;
    },

    cast(x, dtype) {
      // Half precision saves nothing here, so numbers stay float32.
      if (dtype !== "bool") return store.share(x, x.shape, "float32");
      const out = take(x.shape, "bool");
      for (let i = 0; i < out.data.length; i++) out.data[i] = x.data[i] === 0 ? 0 : 1;
      return out;
    },

    add: binary("add", "float32"),
    sub: binary("sub", "float32"),
    mul: binary("mul", "float32"),
    div: binary("div", "float32"),
    greater: binary("greater", "bool"),
    equal: binary("equal", "bool"),
    exp: unary(Math.exp),
    log: unary(Math.log),
    sqrt: unary(Math.sqrt),
    tanh: unary(Math.tanh),
    erf: unary(erf),

    where(condition, left, right) {
      const a = asTensor(left);
      const b = asTensor(right);
      const out = take(broadcastShapes("where", broadcastShapes("where", a.shape, b.shape), condition.shape));
      const operands = [condition, a, b];
      const rows = rowLoop(
        out.shape,
        operands.map((x) => broadcastStrides(x.shape, out.shape)),
      );
      const [stepC, stepA, stepB] = rows.steps as [number, number, number];
      const [chosen, yes, no, to] = [condition.data, a.data, b.data, out.data];
      rows.forEach((o, [c, offsetA, offsetB]) => {
        for (let i = 0; i < rows.length; i++)
          to[o + i] = chosen[c! + i * stepC] !== 0 ? yes[offsetA! + i * stepA]! : no[offsetB! + i * stepB]!;
      });
      return out;
    },

    sum: (x, axis) => reduce("sum", x, axis),
    max: (x, axis) => reduce("max", x, axis),

    scope: (_name, body) => store.scope(body),
  };
}

/**
 * One row of a binary operation. Each operand has an offset (oa, ob) and a step (sa, sb). The switch stands outside the loops,
 * so each loop compiles to plain arithmetic.
 */
function binaryRow(
  op: Arithmetic | Comparison,
  a: Float32Array,
  oa: number,
  sa: number,
  b: Float32Array,
  ob: number,
  sb: number,
  out: Float32Array,
  o: number,
  length: number,
): void {
  switch (op) {
    case "add":
      for (let i = 0; i < length; i++) out[o + i] = a[oa + i * sa]! + b[ob + i * sb]!;
      break;
    case "sub":
      for (let i = 0; i < length; i++) out[o + i] = a[oa + i * sa]! - b[ob + i * sb]!;
      break;
    case "mul":
      for (let i = 0; i < length; i++) out[o + i] = a[oa + i * sa]! * b[ob + i * sb]!;
      break;
    case "div":
      for (let i = 0; i < length; i++) out[o + i] = a[oa + i * sa]! / b[ob + i * sb]!;
      break;
    case "greater":
      for (let i = 0; i < length; i++) out[o + i] = a[oa + i * sa]! > b[ob + i * sb]! ? 1 : 0;
      break;
    case "equal":
      for (let i = 0; i < length; i++) out[o + i] = a[oa + i * sa]! === b[ob + i * sb]! ? 1 : 0;
      break;
  }
}

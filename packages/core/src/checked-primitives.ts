/** The primitives with shapes and types checked first, so that every backend answers misuse alike. */

import { PptError } from "./errors.js";
import type { DType, HostTensor, Operand, Primitives, Shape, Tensor } from "./seam.js";
import {
  broadcastShapes,
  matMulShape,
  reshapedShape,
  resolveAxis,
  showShape,
  sizeOf,
  transposedShape,
} from "./shape.js";
import { show } from "./show.js";

/** @throws PptError INVALID_SHAPE */
export function misuse(op: string, what: string): never {
  throw new PptError("INVALID_SHAPE", `${op}: ${what}`);
}

/** A parameter under a name that the program misspells is undefined, and programs may be JavaScript. */
export function requireTensor(op: string, argument: string, x: Tensor): void {
  // Inlined tests: eager backends come here with every operand of every operation.
  if (typeof x !== "object" || x === null || !Array.isArray(x.shape))
    misuse(op, `${argument} is ${show(x)}, expected a tensor`);
}

/** A tensor of numbers, and not of truths. */
export function requireFloat(op: string, argument: string, x: Tensor): void {
  requireTensor(op, argument, x);
  if (x.dtype === "bool") misuse(op, `${argument} takes numbers, got bool ${showShape(x.shape)}: cast it first`);
}

function requireOperand(op: string, argument: string, x: Operand<Tensor>): void {
  if (typeof x !== "number") requireFloat(op, argument, x);
}

/** @throws PptError INVALID_SHAPE unless the values fill the shape. */
function requireHost(host: HostTensor): void {
  const shape: unknown = host?.shape;
  if (!Array.isArray(shape) || !(host.data instanceof Float32Array))
    misuse("constant", `expected { shape, data: Float32Array }, got ${show(host)}`);
  if (host.data.length !== sizeOf(host.shape))
    misuse("constant", `${host.data.length} values do not fill ${showShape(host.shape)}`);
}

const isCount = (n: unknown): boolean => Number.isInteger(n) && (n as number) >= 0;
const dtypes: readonly unknown[] = ["float32", "float16", "bool"] satisfies DType[];
const shapeOf = (x: Operand<Tensor>): Shape => (typeof x === "number" ? [] : x.shape);

/** The same primitives, with their operands checked. Axes reach a backend counted from the front. */
export function checkedPrimitives<T extends Tensor>(primitives: Primitives<T>): Primitives<T> {
  type Binary = "add" | "sub" | "mul" | "div" | "greater" | "equal";
  const binary =
    (op: Binary) =>
    (a: Operand<T>, b: Operand<T>): T => {
      requireOperand(op, "a", a);
      requireOperand(op, "b", b);
      broadcastShapes(op, shapeOf(a), shapeOf(b));
      return primitives[op](a, b);
    };
  const unary =
    (op: "exp" | "log" | "sqrt" | "tanh" | "erf") =>
    (x: T): T => {
      requireFloat(op, "x", x);
      return primitives[op](x);
    };
  const reduction =
    (op: "sum" | "max") =>
    (x: T, axis: number): T => {
      requireFloat(op, "x", x);
      return primitives[op](x, resolveAxis(op, x.shape, axis));
    };
  return {
    constant(host) {
      requireHost(host);
      return primitives.constant(host);
    },
    reshape(x, shape) {
      requireTensor("reshape", "x", x);
      if (!Array.isArray(shape)) misuse("reshape", `${showShape(x.shape)} does not fit ${show(shape)}`);
      return primitives.reshape(x, reshapedShape(x.shape, shape));
    },
    transpose(x, permutation) {
      requireTensor("transpose", "x", x);
      if (!Array.isArray(permutation))
        misuse("transpose", `${show(permutation)} does not permute ${showShape(x.shape)}`);
      transposedShape(x.shape, permutation);
      return primitives.transpose(x, permutation);
    },
    slice(x, axis, start, end, step = 1) {
      requireTensor("slice", "x", x);
      const along = resolveAxis("slice", x.shape, axis);
      const whole = [start, end, step].every(Number.isInteger);
      if (!whole || start < 0 || start >= end || end > x.shape[along]! || step < 1)
        misuse(
          "slice",
          `[${show(start)}, ${show(end)}) of axis ${along} in steps of ${show(step)} is not inside ${showShape(x.shape)}`,
        );
      return primitives.slice(x, along, start, end, step);
    },
    pad(x, axis, before, after) {
      requireFloat("pad", "x", x);
      if (!isCount(before) || !isCount(after))
        misuse("pad", `${show(before)} before and ${show(after)} after are not counts`);
      return primitives.pad(x, resolveAxis("pad", x.shape, axis), before, after);
    },
    cast(x, dtype) {
      requireTensor("cast", "x", x);
      if (!dtypes.includes(dtype)) misuse("cast", `dtype is ${show(dtype)}, expected ${dtypes.join(", ")}`);
      return x.dtype === dtype ? x : primitives.cast(x, dtype);
    },
    add: binary("add"),
    sub: binary("sub"),
    mul: binary("mul"),
    div: binary("div"),
    exp: unary("exp"),
    log: unary("log"),
    sqrt: unary("sqrt"),
    tanh: unary("tanh"),
    erf: unary("erf"),
    greater: binary("greater"),
    equal: binary("equal"),
    where(condition, a, b) {
      requireTensor("where", "condition", condition);
      if (condition.dtype !== "bool") misuse("where", `the condition ${showShape(condition.shape)} is not bool`);
      requireOperand("where", "a", a);
      requireOperand("where", "b", b);
      broadcastShapes("where", broadcastShapes("where", shapeOf(a), shapeOf(b)), condition.shape);
      return primitives.where(condition, a, b);
    },
    sum: reduction("sum"),
    max: reduction("max"),
    matMul(a, b) {
      requireFloat("matMul", "a", a);
      requireFloat("matMul", "b", b);
      matMulShape(a.shape, b.shape);
      return primitives.matMul(a, b);
    },
    scope(name, body) {
      if (typeof body !== "function") misuse("scope", `body is ${show(body)}, expected a function`);
      return primitives.scope(name, body);
    },
  };
}

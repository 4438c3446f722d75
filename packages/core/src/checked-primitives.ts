/** Checks shapes and types before a primitive runs, so every backend refuses the same calls with the same error. */

import { counted } from "./counted.js";
import { PptError, type PptErrorCode } from "./errors.js";
import { callback, checkArgument, found, hostTensorCheck, text } from "./options.js";
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

/**
 * Refuses a call of the operation `op`. seam.ts says which code stands for which kind of error.
 * @throws PptError with `code`
 */
export function misuse(op: string, what: string, code: PptErrorCode = "INVALID_SHAPE"): never {
  throw new PptError(code, `${op}: ${what}`);
}

const dtypes: readonly unknown[] = ["float32", "float16", "bool"] satisfies DType[];

/**
 * Requires a tensor. A JavaScript program may pass a host tensor, or undefined because of a misspelled name.
 * @throws PptError INVALID_INPUT if `x` is not a tensor, INVALID_DTYPE if its element type is unknown
 */
export function requireTensor(op: string, argument: string, x: Tensor): void {
  // The tests are inlined for speed: eager backends run them for every operand of every operation.
  if (typeof x !== "object" || x === null || !Array.isArray(x.shape))
    misuse(op, `${argument} is ${found(x)}, expected a tensor`, "INVALID_INPUT");
  const { dtype } = x;
  if (dtype === "float32" || dtype === "bool" || dtype === "float16") return;
  if (dtype === undefined)
    misuse(
      op,
      `${argument} is ${showShape(x.shape)} in host memory, expected a tensor: call constant()`,
      "INVALID_INPUT",
    );
  misuse(op, `${argument} is ${show(dtype)} ${showShape(x.shape)}, expected ${dtypes.join(", ")}`, "INVALID_DTYPE");
}

/** Requires a tensor of numbers. @throws PptError INVALID_INPUT if `x` is not a tensor, INVALID_DTYPE if it is bool */
export function requireFloat(op: string, argument: string, x: Tensor): void {
  requireTensor(op, argument, x);
  if (x.dtype === "bool")
    misuse(op, `${argument} takes numbers, got bool ${showShape(x.shape)}: cast it first`, "INVALID_DTYPE");
}

function requireOperand(op: string, argument: string, x: Operand<Tensor>): void {
  if (typeof x !== "number") requireFloat(op, argument, x);
}

/** @throws PptError INVALID_INPUT if `host` is not a host tensor, INVALID_SHAPE if its values do not fill its shape */
function requireHost(host: HostTensor): void {
  checkArgument("constant", "host", host, hostTensorCheck);
  if (host.data.length !== sizeOf(host.shape))
    misuse("constant", `${counted(host.data.length, "value")} cannot fill ${showShape(host.shape)}`);
}

/** Requires elements along `axis`, because an empty axis has no maximum. */
export function requireElements(op: string, shape: Shape, axis: number): void {
  if (shape[axis] === 0) misuse(op, `axis ${axis} of ${showShape(shape)} has no elements`);
}

const isCount = (n: unknown): boolean => Number.isInteger(n) && (n as number) >= 0;
const shapeOf = (x: Operand<Tensor>): Shape => (typeof x === "number" ? [] : x.shape);

/** The same primitives, with their operands checked. Negative axes are resolved first. */
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
      const along = resolveAxis(op, x.shape, axis);
      if (op === "max") requireElements(op, x.shape, along);
      return primitives[op](x, along);
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
      const along = resolveAxis("pad", x.shape, axis);
      if (x.shape[along] === -1) misuse("pad", `axis ${along} of ${showShape(x.shape)} is the free batch`);
      return primitives.pad(x, along, before, after);
    },
    cast(x, dtype) {
      requireTensor("cast", "x", x);
      if (!dtypes.includes(dtype))
        misuse("cast", `dtype is ${show(dtype)}, expected ${dtypes.join(", ")}`, "INVALID_DTYPE");
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
      if (condition.dtype !== "bool")
        misuse(
          "where",
          `condition is ${condition.dtype} ${showShape(condition.shape)}, expected bool`,
          "INVALID_DTYPE",
        );
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
      checkArgument("scope", "name", name, text, "INVALID_OPTION");
      checkArgument("scope", "body", body, callback);
      return primitives.scope(name, body);
    },
  };
}

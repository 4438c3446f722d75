/** Shape arithmetic with its errors. All backends use it. */

import { PptError } from "./errors.js";
import type { Shape } from "./seam.js";
import { show } from "./show.js";

/** The shape as messages show it: `[2,3,4]`. `String` converts each entry, because it accepts symbols too. */
export const showShape = (shape: Shape): string => `[${Array.from(shape, String).join(",")}]`;

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const dimension of shape) size *= dimension;
  return size;
}

/** Elements between two neighbours along each dimension of a row-major tensor. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  for (let i = shape.length - 1, stride = 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i]!;
  }
  return strides;
}

/** Whether two shapes are equal. */
export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((n, i) => n === b[i]);

const fail = (message: string): never => {
  throw new PptError("INVALID_SHAPE", message);
};

/** `axis` counted from the front. A negative axis counts from the end. @throws PptError INVALID_SHAPE */
export function resolveAxis(op: string, shape: Shape, axis: number): number {
  const resolved = axis < 0 ? axis + shape.length : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= shape.length)
    fail(`${op}: axis ${show(axis)} does not exist in ${showShape(shape)}`);
  return resolved;
}

/** The shape that two operands broadcast to under NumPy's rules. @throws PptError INVALID_SHAPE */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const result = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const m = a[a.length - i] ?? 1;
    const n = b[b.length - i] ?? 1;
    if (m !== n && m !== 1 && n !== 1) fail(`${op}: shapes do not broadcast, a ${showShape(a)}, b ${showShape(b)}`);
    result[rank - i] = m === 1 ? n : m;
  }
  return result;
}

/** a [..., M, K], b [..., K, N] -> [..., M, N]. @throws PptError INVALID_SHAPE */
export function matMulShape(a: Shape, b: Shape): Shape {
  if (a.length < 2 || b.length < 2) fail(`matMul: needs two dimensions or more, a ${showShape(a)}, b ${showShape(b)}`);
  if (a[a.length - 1] !== b[b.length - 2])
    fail(`matMul: inner dimensions differ, a ${showShape(a)}, b ${showShape(b)}`);
  const leading = broadcastShapes("matMul", a.slice(0, -2), b.slice(0, -2));
  return [...leading, a[a.length - 2]!, b[b.length - 1]!];
}

/**
 * `to` with its -1 worked out. If `from` has a free batch (a first length of -1), `to` keeps its -1.
 * @throws PptError INVALID_SHAPE, also if a transposition has moved the free batch from the front
 */
export function reshapedShape(from: Shape, to: Shape): Shape {
  const free = to.filter((n) => n === -1).length;
  const known = sizeOf(to.filter((n) => n !== -1));
  const mismatch = () => fail(`reshape: ${showShape(from)} does not fit ${showShape(to)}`);
  // Array.from fills the holes of a sparse array, which `some` would skip.
  if (free > 1 || Array.from(to).some((n) => !Number.isInteger(n) || n < -1) || from.indexOf(-1) > 0) mismatch();
  if (from[0] === -1) {
    if (to[0] !== -1 || known !== sizeOf(from.slice(1))) mismatch();
    return to;
  }
  const size = sizeOf(from);
  if (free === 0 ? known !== size : known === 0 || size % known !== 0) mismatch();
  return to.map((n) => (n === -1 ? size / known : n));
}

/** Output dimension `i` is `shape[permutation[i]]`. @throws PptError INVALID_SHAPE unless it names each dimension once */
export function transposedShape(shape: Shape, permutation: readonly number[]): Shape {
  const isAxis = (p: unknown) => Number.isInteger(p) && (p as number) >= 0 && (p as number) < shape.length;
  const axes = new Set(Array.from(permutation).filter(isAxis));
  if (permutation.length !== shape.length || axes.size !== shape.length)
    fail(`transpose: ${showShape(permutation)} does not permute ${showShape(shape)}`);
  return permutation.map((p) => shape[p]!);
}

/** `shape`, but of `length` along `axis`. */
export const withLength = (shape: Shape, axis: number, length: number): Shape =>
  shape.map((n, i) => (i === axis ? length : n));

/** Number of positions of a sliding window along one axis: floor((length + 2 padding - kernel) / stride) + 1. */
export const windowPositions = (length: number, kernel: number, stride: number, padding: number): number =>
  Math.floor((length + 2 * padding - kernel) / stride) + 1;

/**
 * Steps that one operator computes together, so that a GPU launches fewer kernels. Each returns the joined operator's result, or
 * undefined where the steps do not fit. What the first step recorded is dropped if nothing else reads it.
 */
import { type Shape, sameShape, sizeOf } from "@ppt-vit/core/backend";
import type { Graph } from "./graph.js";
import { inputName, isPositive, type OnnxTensor, recorded } from "./tensor.js";

const isNumber = (x: OnnxTensor): boolean => x.host !== undefined && x.shape.length === 0;

const isSame = (a: OnnxTensor, b: OnnxTensor): boolean =>
  a.name !== undefined && a.name === b.name && sameShape(a.shape, b.shape);

/** where(a > b, b, a) is the smaller one. */
export function joinedMinimum(
  graph: Graph,
  condition: OnnxTensor,
  a: OnnxTensor,
  b: OnnxTensor,
): OnnxTensor | undefined {
  const { made } = condition;
  if (made?.by !== "greater" || !isSame(made.left, b) || !isSame(made.right, a)) return undefined;
  if (!sameShape(a.shape, b.shape) || !sameShape(condition.shape, a.shape)) return undefined;
  const lower = recorded(graph.node("Min", [inputName(graph, b), inputName(graph, a)]), a.shape, a.dtype);
  return { ...lower, made: { by: "min", left: b, right: a } };
}

/** By this factor the difference of two numbers is at least 1 if one of them is above 2 ** -100. */
const steep = 2 ** 126;

/**
 * For a number n, (n > x) as a number is slope (n - x), bounded by 0 and 1. The slope is 1 if both are whole. Otherwise it is
 * so steep that every difference becomes at least 1, and a power of two, which makes no product inexact.
 */
export function joinedStep(graph: Graph, condition: OnnxTensor): OnnxTensor | undefined {
  const { made } = condition;
  if (made?.by !== "greater" || !isNumber(made.left) || made.right.dtype !== "float32") return undefined;
  const bound = made.left.host![0]!;
  const whole = made.right.whole && Number.isInteger(bound);
  // Next to 0 the smallest difference is too small, and from 2 on the product is infinite.
  if (!whole && !(bound > 2 ** -100 && bound < 2)) return undefined;
  const slope = whole ? 1 : steep;
  const input = inputName(graph, made.right);
  const attributes = { alpha: -slope, beta: slope * bound };
  const step = recorded(graph.node("HardSigmoid", [input], attributes), made.right.shape, "float32");
  return made.right.made?.by === "rank" ? { ...step, made: { by: "first", rank: made.right, bound } } : step;
}

/** The sum of squares along `axis`. */
export function joinedSumOfSquares(graph: Graph, x: OnnxTensor, axis: number, shape: Shape): OnnxTensor | undefined {
  if (x.made?.by !== "square" || !sameShape(x.made.of.shape, x.shape)) return undefined;
  const inputs = [inputName(graph, x.made.of), graph.integers([axis])];
  const squares = recorded(graph.node("ReduceSumSquare", inputs, { keepdims: 1 }), shape, x.dtype);
  return { ...squares, made: { by: "squares", of: x.made.of, axis } };
}

/**
 * The sum of squares of x - row along the last axis of x [B, N], over a number: the difference is multiplied by the root of
 * 1 / number before it is squared, which a product with a diagonal matrix does along with the subtraction.
 */
export function joinedVariance(graph: Graph, x: OnnxTensor, by: OnnxTensor): OnnxTensor | undefined {
  if (x.made?.by !== "squares" || !isNumber(by)) return undefined;
  const { of, axis } = x.made;
  if (of.made?.by !== "sub" || of.shape.length !== 2 || axis !== 1) return undefined;
  const { left, right } = of.made;
  const [B, N] = of.shape as [number, number];
  if (!right.host || right.shape.length !== 1 || right.shape[0] !== N || !sameShape(left.shape, of.shape))
    return undefined;
  const factor = 1 / Math.sqrt(by.host![0]!);
  if (!Number.isFinite(factor)) return undefined;
  const diagonal = Float32Array.from({ length: N * N }, (_, i) => (i % (N + 1) === 0 ? factor : 0));
  const row = right.host.map((value) => -value * factor);
  const inputs = [
    inputName(graph, left),
    graph.constant(diagonal, [N, N], left.dtype),
    graph.constant(row, [N], left.dtype),
  ];
  const scaled = graph.node("Gemm", inputs);
  return recorded(graph.node("ReduceSumSquare", [scaled, graph.integers([1])], { keepdims: 1 }), [B, 1], left.dtype);
}

/** A sum over heads [B, N] times a row for each image [B, N] times a constant row [N]. */
export function joinedScores(graph: Graph, product: OnnxTensor, row: OnnxTensor): OnnxTensor | undefined {
  if (product.made?.by !== "mul" || !row.host || row.shape.length !== 1) return undefined;
  const { left, right } = product.made;
  if (left.made?.by !== "heads" || !right.name || !sameShape(left.shape, right.shape)) return undefined;
  if (product.dtype !== "float32" || row.shape[0] !== product.shape[1]) return undefined;
  const inputs = [inputName(graph, left.made.of), inputName(graph, right), inputName(graph, row, "float32")];
  const scores = recorded(graph.node("Einsum", inputs, { equation: "bhn,bn,n->bn" }), product.shape, "float32");
  return { ...scores, positive: [left, right, row].every(isPositive) };
}

/** A constant row [N] minus the product of a constant matrix and a column, as a row [B, N]. */
export function joinedDifference(graph: Graph, row: OnnxTensor, x: OnnxTensor): OnnxTensor | undefined {
  if (x.made?.by !== "product" || !row.host || row.shape.length !== 1) return undefined;
  const { matrix, column } = x.made;
  const [B, N] = column.shape as [number, number];
  if (!sameShape(x.shape, [B, N]) || row.shape[0] !== N) return undefined;
  const inputs = [
    inputName(graph, { ...column, shape: [B, N] }),
    inputName(graph, matrix, column.dtype),
    inputName(graph, row, column.dtype),
  ];
  return recorded(graph.node("Gemm", inputs, { transB: 1, alpha: -1 }), [B, N], column.dtype);
}

/** A residual sum without the constant `bias` of its product, which a `Gemm` adds up. */
export function joinedResidual(graph: Graph, x: OnnxTensor): { sum: OnnxTensor; bias: OnnxTensor } | undefined {
  if (x.made?.by !== "residual" || !sameShape(x.made.before.shape, x.shape)) return undefined;
  const { before, linear } = x.made;
  const leading = x.shape.slice(0, -1);
  const shape = [leading.includes(-1) ? -1 : sizeOf(leading), x.shape.at(-1)!];
  const sum = graph.node("Gemm", [...linear.inputs, inputName(graph, { ...before, shape })], linear.attributes);
  return { sum: { ...recorded(sum, shape, x.dtype), shape: x.shape }, bias: linear.bias };
}

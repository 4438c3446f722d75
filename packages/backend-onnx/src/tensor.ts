/** Tensors of a program while it is traced. */
import { PptError } from "@ppt-vit/core";
import {
  briefData,
  computedTensor,
  type DType,
  type HostTensor,
  isLazy,
  lazyTensor,
  type Operand,
  type Shape,
  sameShape,
  showShape,
  type Tensor,
} from "@ppt-vit/core/backend";
import type { Attributes, Graph } from "./graph.js";
import { type IntegerProducts, keepsIntegers } from "./integer-products.js";

/**
 * The output of a node, or a constant. A constant becomes part of the graph only when a node uses it. A reshape becomes a
 * node only when an operator needs the new shape: many operators work on the elements in the stored shape.
 */
export interface OnnxTensor extends Tensor {
  /** Name of the node's output, which holds the elements in the shape `stored`. */
  readonly name?: string;
  readonly stored: Shape;
  /** Another shape that the node itself can produce. `record` adds that variant of the node to the graph. */
  readonly alternative?: { readonly shape: Shape; record(): string };
  /** Values of a constant, float32 whatever its `dtype`. */
  readonly host?: Float32Array;
  /** Whether all elements are whole numbers, by construction. */
  readonly whole?: boolean;
  /** Whether no element is below 0, by construction. */
  readonly positive?: boolean | undefined;
  /** How the tensor was computed, where an operator may do the next step as well. */
  readonly made?: Made;
  /**
   * A parameter that is quantised, or whose values are not in memory. It has neither `name` nor `host`: its floats are computed
   * or read where the file or the runtime takes them.
   */
  readonly parameter?: HostTensor;
}

export type Made =
  | { readonly by: "greater"; readonly left: OnnxTensor; readonly right: OnnxTensor }
  | { readonly by: "square"; readonly of: OnnxTensor }
  | { readonly by: "squares"; readonly of: OnnxTensor; readonly axis: number }
  | { readonly by: "mul" | "sub"; readonly left: OnnxTensor; readonly right: OnnxTensor }
  /** [B, N], the sum over heads of [B, H, N]. */
  | { readonly by: "heads"; readonly of: OnnxTensor }
  /** A product with a weight, as a `Gemm` takes both, and the constant row that was added to it. */
  | {
      readonly by: "linear";
      readonly inputs: readonly [string, string];
      readonly attributes: Attributes;
      readonly bias: OnnxTensor;
    }
  /** The sum of `before` and a product `linear`. */
  | { readonly by: "residual"; readonly before: OnnxTensor; readonly linear: Extract<Made, { readonly by: "linear" }> }
  | { readonly by: "where"; readonly condition: OnnxTensor; readonly left: OnnxTensor; readonly right: OnnxTensor }
  /** The largest cosines of matching. In `ahead` the first `leading` elements are above all numbers that are ranked. */
  | { readonly by: "cosines"; readonly ahead: OnnxTensor; readonly leading: number }
  /** The rank of each element of `of`. The first `leading` in the order are always the same. */
  | { readonly by: "rank"; readonly of: OnnxTensor; readonly order: string; readonly leading: number }
  /** 1 where `rank` is below `bound`, else 0. */
  | { readonly by: "first"; readonly rank: OnnxTensor; readonly bound: number }
  /** Sums over the order behind `rank`: the rows of `table` for the first `bound` elements. */
  | {
      readonly by: "rows";
      readonly rank: OnnxTensor;
      readonly bound: number;
      table(element: number, column: number): number;
    }
  /** What matching picks. `unless` picks nothing for images whose element of [B, 1] is 0, and gives them other similarities. */
  | {
      readonly by: "picks";
      unless(matched: OnnxTensor, others: OnnxTensor): { readonly similarity: OnnxTensor; readonly row: OnnxTensor };
    }
  | { readonly by: "min"; readonly left: OnnxTensor; readonly right: OnnxTensor }
  /** A constant matrix [N, N] times a column [B, N, 1]. */
  | { readonly by: "product"; readonly matrix: OnnxTensor; readonly column: OnnxTensor };

export const recorded = (name: string, shape: Shape, dtype: DType): OnnxTensor => ({
  name,
  shape,
  stored: shape,
  dtype,
});

/**
 * A parameter of the program. Quantised ones keep their integers if one of the `products` takes them.
 * @throws PptError INVALID_WEIGHTS, possibly when the values are read, if half precision cannot hold them
 */
export function parameterOf(name: string, tensor: HostTensor, dtype: DType, products: IntegerProducts): OnnxTensor {
  const { shape, quantized } = tensor;
  const fitting = (data: Float32Array) => (dtype === "float16" ? requireHalf(name, data) : data);
  if (quantized && keepsIntegers(products, quantized, dtype)) {
    // The device computes the floats of the integers, which may be beyond half precision where the scales are not.
    if (dtype === "float16") fitting(tensor.data);
    return heldBy(tensor, dtype);
  }
  if (isLazy(tensor)) {
    const readings = { keep: () => fitting(tensor.data), brief: () => fitting(briefData(tensor)) };
    return heldBy(dtype === "float16" ? lazyTensor(shape, readings) : tensor, dtype);
  }
  // Its floats are computed for the file or the runtime, so that no two layers are in floats at once.
  if (quantized)
    return heldBy(
      computedTensor(shape, () => fitting(tensor.data)),
      dtype,
    );
  return constantOf(fitting(tensor.data), shape, dtype);
}

/** Larger numbers become infinite in half precision. */
const largestHalf = 65_504;

function requireHalf(name: string, data: Float32Array): Float32Array {
  for (let i = 0; i < data.length; i++)
    if (Math.abs(data[i]!) > largestHalf)
      throw new PptError(
        "INVALID_WEIGHTS",
        `weights: parameter '${name}' holds ${data[i]}, and the largest number in half precision is ${largestHalf}: take another precision`,
      );
  return data;
}

export const heldBy = (parameter: HostTensor, dtype: DType): OnnxTensor => ({
  parameter,
  shape: parameter.shape,
  stored: parameter.shape,
  dtype,
});

/** A constant in floats, whether they are in memory or not. */
export const isConstant = (x: OnnxTensor): boolean => x.name === undefined && x.parameter?.quantized === undefined;

/** The values of a constant, for a caller that is done with them before it asks for others. */
export const briefValues = (x: OnnxTensor): Float32Array => x.host ?? briefData(x.parameter!);

/** Whether no element is below 0. */
export const isPositive = (x: OnnxTensor): boolean => x.positive ?? x.host?.every((value) => value >= 0) ?? false;

export const constantOf = (host: Float32Array, shape: Shape, dtype: DType): OnnxTensor => ({
  host,
  shape,
  stored: shape,
  dtype,
});

/**
 * The element type of an operation. Numbers and constants follow the other operands.
 * @throws PptError INVALID_DTYPE unless all computed operands have one type
 */
export function commonType(op: string, operands: readonly Operand<OnnxTensor>[]): DType {
  const tensors = operands.filter((x) => typeof x !== "number");
  const computed = new Set(tensors.filter((x) => x.name !== undefined).map((x) => x.dtype));
  if (computed.size > 1)
    throw new PptError("INVALID_DTYPE", `${op}: operands are ${[...computed].join(" and ")}: cast one of them`);
  return [...computed][0] ?? tensors[0]?.dtype ?? "float32";
}

const hasShape = (x: OnnxTensor): boolean =>
  sameShape(x.stored, x.shape) || (x.alternative !== undefined && sameShape(x.alternative.shape, x.shape));

/** Whether the tensor's shape takes a `Reshape` node. */
export const needsReshape = (x: OnnxTensor): boolean => x.name !== undefined && !hasShape(x);

/**
 * The name by which a node takes a tensor in its shape as an input. A constant becomes an initializer here.
 * @throws PptError INVALID_DTYPE if the tensor was computed in another precision than the node takes
 */
export function inputName(graph: Graph, x: OnnxTensor, dtype: DType = x.dtype): string {
  if (x.host) return graph.constant(x.host, x.shape, dtype);
  if (x.name === undefined) return graph.parameter(x.parameter!, x.shape, dtype);
  if (x.dtype !== dtype)
    throw new PptError("INVALID_DTYPE", `operands are ${x.dtype} ${showShape(x.shape)} and ${dtype}: cast one of them`);
  if (needsReshape(x)) return graph.node("Reshape", [x.name, graph.integers(x.shape)]);
  return sameShape(x.stored, x.shape) ? x.name : x.alternative!.record();
}

/** Tensors of a program while it is traced. */
import { type DType, PptError, type Shape, sameShape, showShape, type Tensor } from "@ppt-vit/core";
import type { Graph } from "./graph.js";

/**
 * The output of a node, or a constant that no node may need yet. A reshape is no node until somebody needs the new
 * shape: what follows may do as well with the elements as they lie.
 */
export interface OnnxTensor extends Tensor {
  /** Name of the node's output, which holds the elements in the shape `stored`. */
  readonly name?: string;
  readonly stored: Shape;
  /** Records the same elements in another shape, where the node itself can give them so. */
  readonly alternative?: { readonly shape: Shape; record(): string };
  /** Values of a constant, float32 whatever its `dtype`. */
  readonly host?: Float32Array;
}

export const recorded = (name: string, shape: Shape, dtype: DType): OnnxTensor => ({
  name,
  shape,
  stored: shape,
  dtype,
});

export const constantOf = (host: Float32Array, shape: Shape, dtype: DType): OnnxTensor => ({
  host,
  shape,
  stored: shape,
  dtype,
});

const hasShape = (x: OnnxTensor): boolean =>
  sameShape(x.stored, x.shape) || (x.alternative !== undefined && sameShape(x.alternative.shape, x.shape));

/** Whether a tensor can be had in its shape only through a node of its own. */
export const needsReshape = (x: OnnxTensor): boolean => x.name !== undefined && !hasShape(x);

/**
 * Name of a tensor, in its shape, as the input of a node; a constant becomes an initializer here.
 * @throws PptError INVALID_SHAPE where it was computed in another precision than that node takes
 */
export function inputName(graph: Graph, x: OnnxTensor, dtype: DType = x.dtype): string {
  if (x.name === undefined) return graph.constant(x.host!, x.shape, dtype);
  if (x.dtype !== dtype)
    throw new PptError("INVALID_SHAPE", `operands are ${x.dtype} ${showShape(x.shape)} and ${dtype}: cast one of them`);
  if (needsReshape(x)) return graph.node("Reshape", [x.name, graph.integers(x.shape)]);
  return sameShape(x.stored, x.shape) ? x.name : x.alternative!.record();
}

import type { DType, Shape, Tensor } from "@ppt-vit/core";

/** A tensor of the program while it is traced: the output of a node, or a constant that no node may need yet. */
export interface OnnxTensor extends Tensor {
  /** Name of the node that makes it. */
  readonly name?: string;
  /** Values of a constant, float32 whatever its `dtype`. */
  readonly host?: Float32Array;
}

export const recorded = (name: string, shape: Shape, dtype: DType): OnnxTensor => ({ name, shape, dtype });

export const constantOf = (host: Float32Array, shape: Shape, dtype: DType): OnnxTensor => ({ host, shape, dtype });

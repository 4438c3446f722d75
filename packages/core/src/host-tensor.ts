/** Tensors of the host. */
import { arrayOf, callback, checkArgument } from "./options.js";
import type { HostTensor, Shape } from "./seam.js";
import { sizeOf } from "./shape.js";

const shapeCheck = arrayOf("lengths", (n) => Number.isSafeInteger(n) && (n as number) >= 0);

/**
 * A host tensor of `shape`. `fill` returns each element, given its index in row-major order.
 * @throws PptError INVALID_SHAPE, INVALID_INPUT
 */
export function hostTensor(shape: Shape, fill: (index: number) => number): HostTensor {
  checkArgument("hostTensor", "shape", shape, shapeCheck, "INVALID_SHAPE");
  checkArgument("hostTensor", "fill", fill, callback);
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => fill(i)) };
}

/** 0, 1, 2, ... in the given shape. */
export const iota = (shape: Shape): HostTensor => hostTensor(shape, (i) => i);

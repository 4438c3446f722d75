/** Host tensors whose values are read from a file, or computed, when somebody needs them. */
import { counted } from "./counted.js";
import { PptError } from "./errors.js";
import type { HostTensor, Shape } from "./seam.js";
import { showShape, sizeOf } from "./shape.js";

/** Reads the values of a lazy tensor: to keep, or in memory that is used again. */
export interface Readings {
  /** The values, in memory that nothing else uses. */
  readonly keep: () => Float32Array;
  /** The values, in memory that may be overwritten as soon as any other tensor is read. */
  readonly brief: () => Float32Array;
}

const readings = new WeakMap<object, Readings>();

/**
 * A host tensor that holds no values: each reading of `data` calls `keep`. In this way a model is put on a device one tensor
 * after the other, and is in memory once.
 */
export function lazyTensor(shape: Shape, { keep, brief }: Readings): HostTensor {
  const checked = (read: () => Float32Array) => () => {
    const data = read();
    if (data.length === sizeOf(shape)) return data;
    throw new PptError(
      "INVALID_WEIGHTS",
      `weights: read ${counted(data.length, "value")} for the shape ${showShape(shape)}`,
    );
  };
  const own: Readings = { keep: checked(keep), brief: checked(brief) };
  const tensor: HostTensor = {
    shape,
    get data() {
      return own.keep();
    },
  };
  readings.set(tensor, own);
  return tensor;
}

/** A lazy tensor whose values `compute` makes, in memory of their own. */
export const computedTensor = (shape: Shape, compute: () => Float32Array): HostTensor =>
  lazyTensor(shape, { keep: compute, brief: compute });

/** Whether `lazyTensor` made it. Checks then leave its values alone. */
export const isLazy = (tensor: unknown): boolean =>
  typeof tensor === "object" && tensor !== null && readings.has(tensor);

/**
 * The values of `tensor` for a caller that is done with them before it reads another tensor, and before anybody else can.
 * Reading a model in this way leaves no garbage, which would otherwise take half as much memory as the model.
 */
export const briefData = (tensor: HostTensor): Float32Array => readings.get(tensor)?.brief() ?? tensor.data;

/** A tensor with values that `derive` makes of those of `tensor`, in memory of their own. Lazy if `tensor` is. */
export function derivedTensor(
  tensor: HostTensor,
  shape: Shape,
  derive: (data: Float32Array) => Float32Array,
): HostTensor {
  const make = () => derive(briefData(tensor));
  return isLazy(tensor) ? computedTensor(shape, make) : { shape, data: make() };
}

/** The values of `tensor` from `begin` on that fill `shape`. A view of `tensor`, or lazy if `tensor` is. */
export function partOfTensor(tensor: HostTensor, begin: number, shape: Shape): HostTensor {
  const end = begin + sizeOf(shape);
  if (!isLazy(tensor)) return { shape, data: tensor.data.subarray(begin, end) };
  return lazyTensor(shape, {
    keep: () => briefData(tensor).slice(begin, end),
    brief: () => briefData(tensor).subarray(begin, end),
  });
}

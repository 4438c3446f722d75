/** Where the tensors of a run live. The primitives need no more of it, so a backend with memory of its own can use them. */
import { collectTensors, type DType, type HostTensor, type Shape, sizeOf } from "@ppt-vit/core/backend";
import type { Arena } from "./arena.js";
import { type CpuTensor, cpuTensor, isCpuTensor } from "./tensor.js";

export interface TensorStore<T extends CpuTensor> {
  /** A tensor for a result. Its content is unspecified. Default of `dtype`: float32. */
  take(this: void, shape: Shape, dtype?: DType): T;
  /** The elements of `x` in another shape. */
  share(x: T, shape: Shape, dtype: DType): T;
  /** A tensor of the program. It may be the caller's array. */
  constant(this: void, host: HostTensor): T;
  /** Runs `body`, then frees the tensors that it took, except those in its result. */
  scope<R>(body: () => R): R;
}

/** Tensors in arrays of an arena. */
export const arrayStore = (arena: Arena): TensorStore<CpuTensor> => ({
  take: (shape, dtype = "float32") => cpuTensor(shape, arena.take(sizeOf(shape)), dtype),
  share: (x, shape, dtype) => cpuTensor(shape, x.data, dtype),
  constant: (host) => cpuTensor(host.shape, host.data),
  scope: (body) => arena.scope(body, (result) => collectTensors(result, isCpuTensor).map((x) => x.data)),
});

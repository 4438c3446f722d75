import type { DType, Shape, Tensor } from "@ppt-vit/core/backend";

/** A row-major tensor in host memory. Reshaped tensors share `data`. Bools are stored as 0 and 1. */
export interface CpuTensor extends Tensor {
  readonly data: Float32Array;
}

export const isCpuTensor = (value: unknown): value is CpuTensor =>
  typeof value === "object" && value !== null && "data" in value && value.data instanceof Float32Array;

export const cpuTensor = (shape: Shape, data: Float32Array, dtype: DType = "float32"): CpuTensor => ({
  shape,
  data,
  dtype,
});

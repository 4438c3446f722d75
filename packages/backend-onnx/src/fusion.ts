import type { IntegerProducts } from "./integer-products.js";

/** Which operations of a graph are fused. */
export interface Fusion {
  /** Operators of ONNX Runtime that are not in the standard. */
  readonly contrib: boolean;
  /** `MultiHeadAttention`; needs `contrib`. Wrong on some WebGPU devices: see docs/decisions/0005-onnx.md. */
  readonly attention: boolean;
  /** With `attention`: `Attention` of ONNX 23 in place of `MultiHeadAttention`. It is faster on CPUs. Default false. */
  readonly standardAttention?: boolean;
  /**
   * `Attention`, which also projects; needs `contrib`. Only the CPU provider has all of it. For blocks in which few tokens
   * attend to all, such as a classifier's last one, `attention` decides instead. Default false.
   */
  readonly projectedAttention?: boolean;
  /**
   * Operators that are fast on a CPU only: `TopK` for ranks and `ArgMax`, because ONNX Runtime computes integers on the CPU
   * even in a GPU session, and `LpNormalization`, which exists for CPUs only. Default false.
   */
  readonly forCpu?: boolean;
  /**
   * Few kernels, as GPUs like it: packed projections, and residual sums joined with norms where `contrib` allows. On CPUs some of
   * these take longer than their parts. Default false.
   */
  readonly forGpu?: boolean;
  /** With `forGpu`: operators that WebGPU has since ONNX Runtime 1.30, `TopK` among them. Default false. */
  readonly sorting?: boolean;
  /** The operators that take quantised weights. Default: none, so such weights become floats. */
  readonly integers?: IntegerProducts;
}

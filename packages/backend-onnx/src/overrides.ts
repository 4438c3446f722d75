/** Composites as single operators, where the execution provider has them and they are right. */
import type { Overrides, Primitives, Shape } from "@ppt-vit/core";
import { contrib, type Graph } from "./graph.js";
import { inputName } from "./primitives.js";
import { type OnnxTensor, recorded } from "./tensor.js";

export interface Fusion {
  /** Operators of ONNX Runtime that are not in the standard. */
  readonly contrib: boolean;
  /** `MultiHeadAttention`; needs `contrib`. Wrong on some WebGPU devices: see docs/decisions/0005-onnx.md. */
  readonly attention: boolean;
}

export function onnxOverrides(graph: Graph, fusion: Fusion): Overrides<OnnxTensor> {
  const name = (x: OnnxTensor, dtype = x.dtype) => inputName(graph, x, dtype);

  return (ops: Primitives<OnnxTensor>, defaults) => ({
    /** One Gemm over all tokens of all images: its bias costs nothing, and the CPU provider packs its weight once. */
    linear(x, weight, bias) {
      const [O, I] = weight.shape as [number, number];
      const reshape = (from: string, shape: Shape) => graph.node("Reshape", [from, graph.integers(shape)]);
      const rows = x.shape.length === 2 ? name(x) : reshape(name(x), [-1, I]);
      const inputs = [rows, name(ops.transpose(weight, [1, 0]), x.dtype)];
      if (bias) inputs.push(name(bias, x.dtype));
      const shape = [...x.shape.slice(0, -1), O];
      const product = graph.node("Gemm", inputs);
      return recorded(x.shape.length === 2 ? product : reshape(product, shape), shape, x.dtype);
    },

    softmax: (x) => recorded(graph.node("Softmax", [name(x)], { axis: -1 }), x.shape, x.dtype),

    // One node also because written out in half precision the squares overflow (onnxruntime issue 31626).
    layerNorm(x, weight, bias, epsilon) {
      const inputs = [name(x), name(weight, x.dtype), name(bias, x.dtype)];
      return recorded(graph.node("LayerNormalization", inputs, { axis: -1, epsilon }), x.shape, x.dtype);
    },

    ...(fusion.contrib && {
      activation(x, kind) {
        if (kind === "gelu") return recorded(graph.node("Gelu", [name(x)], {}, contrib), x.shape, x.dtype);
        if (kind === "quick_gelu")
          return recorded(graph.node("QuickGelu", [name(x)], { alpha: 1.702 }, contrib), x.shape, x.dtype);
        return defaults.activation(x, kind);
      },
    }),

    ...(fusion.attention && {
      attention(q, k, v, { heads, scale, logSize }) {
        const inputs = [name(q), name(k), name(v)];
        if (logSize) {
          const [B, N] = logSize.shape as [number, number];
          const M = q.shape[1]!;
          // The operator broadcasts its bias over images and heads, but not over queries.
          const rows = ops.constant({ shape: [1, 1, M, N], data: new Float32Array(M * N) });
          const bias = ops.add(ops.reshape(logSize, [B, 1, 1, N]), rows);
          inputs.push("", "", name(ops.cast(bias, q.dtype)));
        }
        const attended = graph.node("MultiHeadAttention", inputs, { num_heads: heads, scale }, contrib);
        return recorded(attended, q.shape, q.dtype);
      },
    }),
  });
}

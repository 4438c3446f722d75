/** Composites as single operators, if the execution provider has the operator and computes it correctly. */
import { hostTensor } from "@ppt-vit/core";
import {
  computedTensor,
  type DType,
  type HostTensor,
  meanToken,
  type Overrides,
  type Primitives,
  type Projections,
  type Quantized,
  sameShape,
  sizeOf,
  windowPositions,
} from "@ppt-vit/core/backend";
import { cpuReduction } from "./cpu-reduction.js";
import type { Fusion } from "./fusion.js";
import { gpuSelfAttention } from "./gpu-attention.js";
import { gpuReduction, gpuSorting } from "./gpu-reduction.js";
import { contrib, type Graph } from "./graph.js";
import { integerProduct } from "./integer-products.js";
import { elementwise, reduced, transposedMatrix } from "./primitives.js";
import { briefValues, commonType, inputName, isConstant, type OnnxTensor, recorded } from "./tensor.js";

/** `weightsInPlace` uses parameters in their stored layout, instead of a transposed copy. */
export function onnxOverrides(graph: Graph, fusion: Fusion, weightsInPlace = false): Overrides<OnnxTensor> {
  const name = (x: OnnxTensor, dtype = x.dtype) => inputName(graph, x, dtype);

  return (ops: Primitives<OnnxTensor>, defaults) => {
    /** A product of integers needs no reshape: it takes any number of leading dimensions. */
    function integerLinear(x: OnnxTensor, weight: OnnxTensor, stored: Quantized, bias?: OnnxTensor): OnnxTensor {
      const [O, I] = weight.shape as [number, number];
      const rows = x.stored.at(-1) === I ? x.stored : x.shape;
      const input = { name: name({ ...x, shape: rows }), dtype: x.dtype };
      const integers = { stored, O, I };
      const product = integerProduct(fusion.integers!, graph, input, integers, bias && name(bias, x.dtype));
      const shape = [...rows.slice(0, -1), O];
      return {
        ...recorded(graph.declare(product, shape, x.dtype), shape, x.dtype),
        shape: [...x.shape.slice(0, -1), O],
      };
    }

    /** One Gemm over all tokens of all images. Its bias is free, and the CPU provider packs its weight once. */
    function linear(x: OnnxTensor, weight: OnnxTensor, bias?: OnnxTensor): OnnxTensor {
      const quantized = weight.parameter?.quantized;
      if (quantized) return integerLinear(x, weight, quantized, bias);
      const [O, I] = weight.shape as [number, number];
      const leading = x.shape.slice(0, -1);
      const rows = leading.includes(-1) ? -1 : sizeOf(leading);
      const inPlace = weightsInPlace && isConstant(weight);
      const inputs = [
        name({ ...x, shape: [rows, I] }),
        name(inPlace ? weight : ops.transpose(weight, [1, 0]), x.dtype),
      ] as const;
      const attributes = inPlace ? { transB: 1 } : {};
      const product = graph.node("Gemm", bias ? [...inputs, name(bias, x.dtype)] : inputs, attributes);
      const result = { ...recorded(product, [rows, O], x.dtype), shape: [...leading, O] };
      return bias && isConstant(bias) ? { ...result, made: { by: "linear", inputs, attributes, bias } } : result;
    }

    function softmax(x: OnnxTensor, axis = -1): OnnxTensor {
      const along = axis < 0 ? axis + x.shape.length : axis;
      const weights = graph.node("Softmax", [name(x)], { axis: along });
      return { ...recorded(weights, x.shape, x.dtype), positive: true };
    }

    /** The bias of an attention operator, if any: it broadcasts it over images and heads, but not over queries. */
    function biasOfKeys(logSize: OnnxTensor | undefined, queries: number, dtype: DType): string[] {
      if (!logSize) return [];
      const [B, N] = logSize.shape as [number, number];
      const row = name(ops.cast(ops.reshape(logSize, [B, 1, 1, N]), dtype));
      return [graph.node("Expand", [row, graph.integers([1, 1, queries, N])])];
    }

    return {
      linear,

      /**
       * For pixels: a convolution whose filters each pick one value of the window. Every filter sees all channels, because
       * grouped convolutions give wrong numbers on WebGPU. That is worth its cost for few channels only.
       */
      unfold(x, window) {
        const { kernel, stride, padding } = window;
        const [B, C] = x.shape as [number, number];
        if (sameShape(kernel, stride) || C > 4) return defaults.unfold(x, window);
        const features = C * sizeOf(kernel);
        const picks = hostTensor([features, C, ...kernel], (i) => (Math.floor(i / features) === i % features ? 1 : 0));
        const inputs = [name(x), name(ops.constant(picks), x.dtype)];
        const positions = [0, 1].map((axis) =>
          windowPositions(x.shape[2 + axis]!, kernel[axis]!, stride[axis]!, padding[axis]!),
        );
        const convolved = graph.node("Conv", inputs, { strides: stride, pads: [...padding, ...padding] });
        const windows = recorded(convolved, [B, features, ...positions], x.dtype);
        return ops.transpose(ops.reshape(windows, [B, features, sizeOf(positions)]), [0, 2, 1]);
      },

      convolution(x, weight, bias, { kernel, stride, padding }) {
        const inputs = [name(x), name(weight, x.dtype), ...(bias ? [name(bias, x.dtype)] : [])];
        const [rows, columns] = [0, 1].map((axis) =>
          windowPositions(x.shape[2 + axis]!, kernel[axis]!, stride[axis]!, padding[axis]!),
        ) as [number, number];
        const convolved = graph.node("Conv", inputs, { strides: stride, pads: [...padding, ...padding] });
        return recorded(convolved, [x.shape[0]!, weight.shape[0]!, rows, columns], x.dtype);
      },

      resizeBilinear(x, size, alignCorners) {
        const mode = alignCorners ? "align_corners" : "half_pixel";
        const attributes = { mode: "linear", coordinate_transformation_mode: mode, axes: [2, 3] };
        const resized = graph.node("Resize", [name(x), "", "", graph.integers(size)], attributes);
        return recorded(resized, [x.shape[0]!, x.shape[1]!, ...size], x.dtype);
      },

      softmax,

      // Decomposed in half precision, the squares would overflow (onnxruntime issue 31626).
      layerNorm(x, weight, bias, epsilon) {
        // In the stored shape, if that has whole rows.
        const shape = x.stored.at(-1) === x.shape.at(-1) ? x.stored : x.shape;
        const inputs = [name({ ...x, shape }), name(weight, x.dtype), name(bias, x.dtype)];
        const normed = graph.node("LayerNormalization", inputs, { axis: -1, epsilon });
        // It may be joined with a sum, by an operator whose outputs no other tool knows.
        if (fusion.forGpu && fusion.contrib) graph.declare(normed, shape, x.dtype);
        return { ...recorded(normed, shape, x.dtype), shape: x.shape };
      },

      // On a GPU this is one kernel. On a CPU it is slower than its parts (docs/decisions/0005-onnx.md).
      ...(!fusion.forCpu && { l2Norm: (x) => reduced(graph, x, x.shape.length - 1, "ReduceL2", fusion.forGpu) }),

      activation(x, kind) {
        if (kind === "relu") return elementwise(graph, x, "Relu");
        if (fusion.contrib && kind === "gelu") return elementwise(graph, x, "Gelu", {}, contrib);
        if (fusion.contrib && kind === "quick_gelu")
          return elementwise(graph, x, "QuickGelu", { alpha: 1.702 }, contrib);
        return defaults.activation(x, kind);
      },

      ...(fusion.forCpu && cpuReduction({ graph, ops, defaults, softmax, lpNormalization: !fusion.standardAttention })),
      ...(fusion.forGpu && gpuReduction(graph, ops, defaults)),
      ...(fusion.forGpu &&
        fusion.sorting &&
        gpuSorting(graph, ops, { ...defaults, ...gpuReduction(graph, ops, defaults) })),
      ...(fusion.forGpu && !fusion.attention && { selfAttention: gpuSelfAttention(graph, ops, defaults, softmax) }),

      ...(fusion.standardAttention && {
        /** ONNX 23 wants tables for each image. ONNX Runtime's own operator takes common ones, from position 0 on. */
        rotate(x, heads, { cos, sin }) {
          const [images, N, half] = cos.shape as [number, number, number];
          const common = images === 1 && x.shape[0] !== 1;
          if (common && !fusion.contrib) return defaults.rotate(x, heads, { cos, sin });
          const tables = [cos, sin].map((table) =>
            name(ops.cast(common ? ops.reshape(table, [N, half]) : table, x.dtype)),
          );
          const inputs = common ? [name(x), graph.integers([0]), ...tables] : [name(x), ...tables];
          const turned = graph.node("RotaryEmbedding", inputs, { num_heads: heads }, common ? contrib : "");
          return recorded(graph.declare(turned, x.shape, x.dtype), x.shape, x.dtype);
        },
      }),

      ...(fusion.attention && {
        attention(q, k, v, { heads, scale, logSize }) {
          const dtype = commonType("attention", [q, k, v]);
          const operands = [q, k, v].map((x) => name(x, dtype));
          const bias = biasOfKeys(logSize, q.shape[1]!, dtype);
          if (fusion.standardAttention) {
            const attributes = { q_num_heads: heads, kv_num_heads: heads, scale };
            const attended = graph.node("Attention", [...operands, ...bias], attributes);
            return recorded(attended, q.shape, dtype);
          }
          const inputs = [...operands, ...(bias.length === 0 ? [] : ["", "", ...bias])];
          const attended = graph.node("MultiHeadAttention", inputs, { num_heads: heads, scale }, contrib);
          return recorded(graph.declare(attended, q.shape, dtype), q.shape, dtype);
        },
      }),

      ...(fusion.projectedAttention && {
        /**
         * ONNX Runtime's Attention projects each head directly into the layout that it computes in, without the transpositions
         * of MultiHeadAttention. It also returns keys and values in that layout, head by head.
         */
        selfAttention(x, projections, options) {
          const { heads, scale, logSize, rows, observe } = options;
          const packed = rows === undefined && !options.rotation && packProjections(projections);
          if (!packed) return defaults.selfAttention(x, projections, options);
          const [B, N, C] = x.shape as [number, number, number];
          const d = C / heads;
          const weights = graph.parameter(packed.weights, [C, 3 * C], x.dtype);
          const biases = graph.constant(packed.biases, [3 * C], x.dtype);
          const bias = biasOfKeys(logSize, N, x.dtype);
          const inputs = [name(x), weights, biases, ...(bias.length === 0 ? [] : ["", "", ...bias])];
          const [output, present] = graph.nodeOf(
            observe ? 2 : 1,
            "Attention",
            inputs,
            { num_heads: heads, scale },
            contrib,
          );
          const mixed = recorded(graph.declare(output!, x.shape, x.dtype), x.shape, x.dtype);
          if (!observe) return { mixed };
          graph.declare(present!, [2, B, heads, N, d], x.dtype);

          /** [B, H, N, d], keys or values. */
          const ofPresent = (place: number) =>
            ops.cast(
              recorded(graph.node("Gather", [present!, graph.integer(place)], { axis: 0 }), [B, heads, N, d], x.dtype),
              "float32",
            );
          const observed = ops.scope("observe", () => {
            const [keys, values] = [ofPresent(0), ofPresent(1)];
            const { query } = projections;
            const token =
              observe === "class"
                ? recorded(graph.node("Gather", [name(x), graph.integer(0)], { axis: 1 }), [B, C], x.dtype)
                : ops.reshape(meanToken({ ...ops, softmax }, x, logSize), [B, C]);
            const q = ops.cast(linear(token, query.weight, query.bias), "float32");
            const scaled = ops.mul(ops.reshape(q, [B, heads, 1, d]), scale);
            const logits = ops.matMul(scaled, ops.transpose(keys, [0, 1, 3, 2]));
            const sizes = logSize && ops.cast(ops.reshape(logSize, [logSize.shape[0]!, 1, 1, N]), "float32");
            const biased = sizes ? ops.add(logits, sizes) : logits;
            const summed = graph.node("ReduceSum", [name(softmax(biased)), graph.integers([1, 2])], { keepdims: 0 });
            // ReduceL2 and a sum of the keys over heads would be slower than these (docs/decisions/0005-onnx.md).
            const oneForEachHead = ops.constant(hostTensor([1, heads], () => 1));
            const summedKeys = ops.matMul(oneForEachHead, ops.reshape(keys, [B, heads, N * d]));
            const squares = ops.sum(ops.reshape(ops.sum(ops.mul(values, values), 3), [B, heads, N]), 1);
            return {
              classAttention: recorded(summed, [B, N], "float32"),
              keys: ops.reshape(summedKeys, [B, N, d]),
              valueNorms: ops.sqrt(ops.reshape(squares, [B, N])),
            };
          });
          return { mixed, observed };
        },
      }),
    };
  };
}

/** Weights [C, 3 C] and biases [3 C] of query, key and value side by side; undefined if one of them is no constant. */
function packProjections({
  query,
  key,
  value,
}: Projections<OnnxTensor>): { weights: HostTensor; biases: Float32Array } | undefined {
  const parts = [query, key, value];
  if (!parts.every(({ weight, bias }) => isConstant(weight) && (!bias || isConstant(bias)))) return undefined;
  const C = query.weight.shape[0]!;
  const biases = new Float32Array(3 * C);
  for (const [at, { bias }] of parts.entries()) if (bias) biases.set(briefValues(bias), at * C);
  const weights = computedTensor([C, 3 * C], () => {
    const packed = new Float32Array(3 * C * C);
    for (const [at, { weight }] of parts.entries()) {
      const turned = transposedMatrix(briefValues(weight), C, C);
      for (let row = 0; row < C; row++) packed.set(turned.subarray(row * C, (row + 1) * C), (3 * row + at) * C);
    }
    return packed;
  });
  return { weights, biases };
}

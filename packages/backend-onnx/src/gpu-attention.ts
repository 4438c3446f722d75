/** Self-attention in few kernels: one product projects, one transposition separates the heads (docs/decisions/0024-kernels-on-gpus.md). */
import { hostTensor } from "@ppt-vit/core";
import type { Composites, DType, Primitives, Projection } from "@ppt-vit/core/backend";
import type { Graph } from "./graph.js";
import { inputName, type OnnxTensor, recorded } from "./tensor.js";

type SelfAttentionOf = Composites<OnnxTensor>["selfAttention"];

/** A projection that is known while tracing: weight [O, I] and bias [O]. */
interface Known {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/**
 * Replaces `selfAttention`. The scale is part of the query's weights. Projections that are no constants, or have weights that the
 * runtime computes with as integers, stay with the default.
 */
export function gpuSelfAttention(
  graph: Graph,
  ops: Primitives<OnnxTensor>,
  defaults: Pick<Composites<OnnxTensor>, "selfAttention">,
  softmax: (x: OnnxTensor) => OnnxTensor,
): SelfAttentionOf {
  const name = (x: OnnxTensor, dtype = x.dtype) => inputName(graph, x, dtype);

  /** x [B, M, C] times each [C, C or d], head by head: one tensor [B, H or 1, M, d] for each projection. */
  function project(x: OnnxTensor, projections: readonly Known[], d: number): OnnxTensor[] {
    const [B, M, C] = x.shape as [number, number, number];
    const counts = projections.map(({ bias }) => bias.length / d);
    const heads = counts.reduce((sum, count) => sum + count);
    const rows = B === -1 ? -1 : B * M;
    const { weight, bias } = sideBySide(projections, C);
    const inputs = [
      name({ ...x, shape: [rows, C] }),
      graph.constant(weight, [C, heads * d], x.dtype),
      graph.constant(bias, [heads * d], x.dtype),
    ];
    const product = recorded(graph.node("Gemm", inputs), [rows, heads * d], x.dtype);
    const split = { ...product, shape: [B, M, heads, d] };
    // One token has nothing to transpose.
    const byHead = M === 1 ? { ...split, shape: [B, heads, 1, d] } : ops.transpose(split, [0, 2, 1, 3]);
    if (counts.length === 1) return [byHead];
    // Split as rows of tokens and channels. ONNX Runtime would otherwise move the transposition behind the split, where it is one
    // kernel for each part.
    const rowsOfHeads = name({ ...byHead, shape: [B, heads, M * d] });
    const parts = graph.nodeOf(counts.length, "Split", [rowsOfHeads, graph.integers(counts)], { axis: 1 });
    return parts.map((part, i) => ({
      ...recorded(part, [B, counts[i]!, M * d], x.dtype),
      shape: [B, counts[i]!, M, d],
    }));
  }

  /** The class token's attention summed over heads, from all logits [B, H, M, N] and weights. -> [B, N] */
  function classRow(logits: OnnxTensor, weights: OnnxTensor): OnnxTensor {
    const [B, H, M, N] = weights.shape as [number, number, number, number];
    const first = (x: OnnxTensor) => ops.reshape(M === 1 ? x : ops.slice(x, 2, 0, 1), [B, H, N]);
    // Half precision would lose the smallest weights, so they are computed once more from the logits.
    const row = weights.dtype === "float32" ? first(weights) : softmax(ops.cast(first(logits), "float32"));
    const oneForEachHead = ops.constant(hostTensor([1, H], () => 1));
    return { ...ops.reshape(ops.matMul(oneForEachHead, row), [B, N]), made: { by: "heads", of: row } };
  }

  return (x, projections, options) => {
    const [query, key, value] = [projections.query, projections.key, projections.value].map(knownProjection);
    if (!query || !key || !value) return defaults.selfAttention(x, projections, options);
    const { heads: H, scale, logSize, rows, observe } = options;
    const [B, N, C] = x.shape as [number, number, number];
    const d = C / H;
    const M = rows ?? N;
    const of = [key, value, ...(observe ? [summedOverHeads(key, H)] : [])];
    const scaled = multiplied(query, scale);
    const [q, k, v, keys] =
      M === N ? project(x, [scaled, ...of], d) : [...project(ops.slice(x, 1, 0, M), [scaled], d), ...project(x, of, d)];
    const products = ops.matMul(q!, ops.transpose(k!, [0, 1, 3, 2]));
    const logits = logSize ? ops.add(products, sizesOfKeys(ops, logSize, x.dtype)) : products;
    const weights = softmax(logits);
    const byHead = ops.matMul(weights, v!);
    const mixed = ops.reshape(M === 1 ? byHead : ops.transpose(byHead, [0, 2, 1, 3]), [B, M, C]);
    if (!observe) return { mixed };
    const observed = ops.scope("observe", () => {
      const values = name(ops.cast(v!, "float32"));
      const squares = graph.node("Einsum", [values, values], { equation: "bhnd,bhnd->bn" });
      return {
        classAttention: classRow(logits, weights),
        keys: ops.cast(ops.reshape(keys!, [B, N, d]), "float32"),
        valueNorms: ops.sqrt(recorded(squares, [B, N], "float32")),
      };
    });
    return { mixed, observed };
  };
}

/** [B or 1, 1, 1, N], which is added to logits [B, H, M, N]. */
const sizesOfKeys = (ops: Primitives<OnnxTensor>, logSize: OnnxTensor, dtype: DType): OnnxTensor =>
  ops.cast(ops.reshape(logSize, [logSize.shape[0]!, 1, 1, logSize.shape[1]!]), dtype);

function knownProjection({ weight, bias }: Projection<OnnxTensor>): Known | undefined {
  if (!weight.host || (bias && !bias.host)) return undefined;
  return { weight: weight.host, bias: bias?.host ?? new Float32Array(weight.shape[0]!) };
}

const multiplied = ({ weight, bias }: Known, by: number): Known => ({
  weight: weight.map((w) => w * by),
  bias: bias.map((b) => b * by),
});

/** The projection to the sum of all heads: [C, C] -> [d, C]. */
function summedOverHeads({ weight, bias }: Known, H: number): Known {
  const sum = (of: Float32Array) => {
    const length = of.length / H;
    return Float32Array.from({ length }, (_, i) => {
      let total = 0;
      for (let head = 0; head < H; head++) total += of[head * length + i]!;
      return total;
    });
  };
  return { weight: sum(weight), bias: sum(bias) };
}

/** Weights [C, all outputs], as Gemm takes them, and biases [all outputs]. */
function sideBySide(projections: readonly Known[], C: number): Known {
  const outputs = projections.reduce((sum, { bias }) => sum + bias.length, 0);
  const weight = new Float32Array(C * outputs);
  const bias = new Float32Array(outputs);
  let at = 0;
  for (const one of projections) {
    const O = one.bias.length;
    for (let output = 0; output < O; output++)
      for (let i = 0; i < C; i++) weight[i * outputs + at + output] = one.weight[output * C + i]!;
    bias.set(one.bias, at);
    at += O;
  }
  return { weight, bias };
}

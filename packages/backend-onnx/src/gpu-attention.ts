/** Self-attention in few kernels: one product projects, one transposition separates the heads (docs/decisions/0024-kernels-on-gpus.md). */
import { hostTensor } from "@ppt-vit/core";
import {
  type Composites,
  computedTensor,
  type DType,
  meanToken,
  type Primitives,
  type Projection,
} from "@ppt-vit/core/backend";
import type { Graph } from "./graph.js";
import { briefValues, inputName, isConstant, type OnnxTensor, recorded } from "./tensor.js";

type SelfAttentionOf = Composites<OnnxTensor>["selfAttention"];

/**
 * A projection of constants. Its rows are those that `rowsOf` makes of the weight [O, I] and the bias [O]. The weight is read where
 * the file or the runtime takes it; the bias is small, and read while tracing.
 */
interface Known {
  readonly weight: OnnxTensor;
  readonly bias: Float32Array;
  rowsOf(values: Float32Array): Float32Array;
}

/**
 * Replaces `selfAttention`. The scale is part of the query's weights. Rotary positions, projections that are no constants, and those
 * with weights that the runtime computes with as integers, stay with the default.
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
    const outputs = heads * d;
    const weight = computedTensor([C, outputs], () => weightsSideBySide(projections, C, outputs));
    const bias = biasesSideBySide(projections, outputs);
    const inputs = [
      name({ ...x, shape: [rows, C] }),
      graph.parameter(weight, [C, outputs], x.dtype),
      graph.constant(bias, [outputs], x.dtype),
    ];
    const product = recorded(graph.node("Gemm", inputs), [rows, outputs], x.dtype);
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

  /** The first query's attention summed over heads, from all logits [B, H, M, N] and weights. -> [B, N] */
  function observedRow(logits: OnnxTensor, weights: OnnxTensor): OnnxTensor {
    const [B, H, M, N] = weights.shape as [number, number, number, number];
    const first = (x: OnnxTensor) => ops.reshape(M === 1 ? x : ops.slice(x, 2, 0, 1), [B, H, N]);
    // Half precision would lose the smallest weights, so they are computed once more from the logits.
    const row = weights.dtype === "float32" ? first(weights) : softmax(ops.cast(first(logits), "float32"));
    const oneForEachHead = ops.constant(hostTensor([1, H], () => 1));
    return { ...ops.reshape(ops.matMul(oneForEachHead, row), [B, N]), made: { by: "heads", of: row }, positive: true };
  }

  return (x, projections, options) => {
    const [query, key, value] = [projections.query, projections.key, projections.value].map(knownProjection);
    if (!query || !key || !value || options.rotation) return defaults.selfAttention(x, projections, options);
    const { heads: H, scale, logSize, rows, observe } = options;
    const [B, N, C] = x.shape as [number, number, number];
    const d = C / H;
    const M = rows ?? N;
    const of = [key, value, ...(observe ? [summedOverHeads(key, H)] : [])];
    const scaled = multiplied(query, scale);
    const [q, k, v, keys] =
      M === N ? project(x, [scaled, ...of], d) : [...project(ops.slice(x, 1, 0, M), [scaled], d), ...project(x, of, d)];
    const keysAcross = ops.transpose(k!, [0, 1, 3, 2]);
    const logitsOf = (queries: OnnxTensor) => {
      const products = ops.matMul(queries, keysAcross);
      return logSize ? ops.add(products, sizesOfKeys(ops, logSize, x.dtype)) : products;
    };
    const logits = logitsOf(q!);
    const weights = softmax(logits);
    const byHead = ops.matMul(weights, v!);
    const mixed = ops.reshape(M === 1 ? byHead : ops.transpose(byHead, [0, 2, 1, 3]), [B, M, C]);
    if (!observe) return { mixed };
    const observed = ops.scope("observe", () => {
      const observedLogits =
        observe === "class" ? logits : logitsOf(project(meanToken({ ...ops, softmax }, x, logSize), [scaled], d)[0]!);
      const values = name(ops.cast(v!, "float32"));
      const squares = graph.node("Einsum", [values, values], { equation: "bhnd,bhnd->bn" });
      return {
        classAttention: observedRow(observedLogits, observe === "class" ? weights : softmax(observedLogits)),
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
  if (!isConstant(weight) || (bias && !isConstant(bias))) return undefined;
  // A copy: the memory of brief values is used again.
  const values = bias ? briefValues(bias).slice() : new Float32Array(weight.shape[0]!);
  return { weight, bias: values, rowsOf: (all) => all };
}

const multiplied = (known: Known, by: number): Known => ({
  ...known,
  bias: known.bias.map((b) => b * by),
  rowsOf: (values) => known.rowsOf(values).map((w) => w * by),
});

/** The projection to the sum of all heads: [C, C] -> [d, C]. */
function summedOverHeads(known: Known, H: number): Known {
  const sum = (of: Float32Array) => {
    const length = of.length / H;
    return Float32Array.from({ length }, (_, i) => {
      let total = 0;
      for (let head = 0; head < H; head++) total += of[head * length + i]!;
      return total;
    });
  };
  return { ...known, bias: sum(known.bias), rowsOf: (values) => sum(known.rowsOf(values)) };
}

/** [C, all outputs], as Gemm takes weights. Several projections may share a weight, which is read once. */
function weightsSideBySide(projections: readonly Known[], C: number, outputs: number): Float32Array {
  const packed = new Float32Array(C * outputs);
  const begins = projections.map((_, n) => projections.slice(0, n).reduce((sum, { bias }) => sum + bias.length, 0));
  for (const shared of new Set(projections.map(({ weight }) => weight))) {
    const values = briefValues(shared);
    for (const [n, { weight, bias, rowsOf }] of projections.entries()) {
      if (weight !== shared) continue;
      const rows = rowsOf(values);
      for (let output = 0; output < bias.length; output++)
        for (let i = 0; i < C; i++) packed[i * outputs + begins[n]! + output] = rows[output * C + i]!;
    }
  }
  return packed;
}

function biasesSideBySide(projections: readonly Known[], outputs: number): Float32Array {
  const packed = new Float32Array(outputs);
  let at = 0;
  for (const { bias } of projections) {
    packed.set(bias, at);
    at += bias.length;
  }
  return packed;
}

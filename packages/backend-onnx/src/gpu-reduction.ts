/**
 * Steps of token reduction in few kernels on GPUs (docs/decisions/0024-kernels-on-gpus.md). What the operators are given is exact:
 * whole numbers, comparisons, and constants.
 */
import { type Composites, type Primitives, sameShape } from "@ppt-vit/core/backend";
import { far, noCosine, ranksOf } from "./gpu-order.js";
import type { Graph } from "./graph.js";
import { joinedResidual } from "./joined.js";
import { briefValues, constantOf, inputName, type OnnxTensor, recorded } from "./tensor.js";

/** Below the difference of any two numbers that are not nearly 0. Some GPUs take numbers closer to 0 for 0. */
const tiny = 1.3 * 2 ** -126;
/** The most elements that `TopK` sorts in one kernel. */
const sortedAtOnce = 2048;

type Steps = Pick<Composites<OnnxTensor>, "rankDescending" | "compressTokens">;

export function gpuReduction(graph: Graph, ops: Primitives<OnnxTensor>, defaults: Composites<OnnxTensor>): Steps {
  return {
    /**
     * The residual sum before a mean is part of the product: mean(before + product + bias) = mean(before + product) + bias. The
     * bias, as a constant of all rows, is then the residual sum that joins with the next norm.
     */
    compressTokens(destination, count, { averaged, ...rest }) {
      const joined = averaged && joinedResidual(graph, averaged);
      if (!joined) return defaults.compressTokens(destination, count, { averaged, ...rest });
      const compressed = defaults.compressTokens(destination, count, { averaged: joined.sum, ...rest });
      const bias = briefValues(joined.bias);
      const rows = Float32Array.from({ length: count * bias.length }, (_, i) => bias[i % bias.length]!);
      const biases = constantOf(rows, [1, count, bias.length], joined.sum.dtype);
      return { ...compressed, averaged: ops.add(compressed.averaged!, biases) };
    },

    /**
     * rank_j = sum over i of (x_i - x_j > t_ji). An earlier i ranks before j if they are equal, so there t is below 0. For leading
     * tokens t decides alone.
     */
    rankDescending(x, leading = 0) {
      if (x.dtype !== "float32") return defaults.rankDescending(x, leading);
      const [B, N] = x.shape as [number, number];
      const differences = ops.sub(ops.reshape(x, [B, 1, N]), ops.reshape(x, [B, N, 1]));
      const ahead = ops.cast(
        ops.greater(differences, constantOf(thresholds(N, leading), [N, N], "float32")),
        "float32",
      );
      return { ...ops.reshape(ops.sum(ahead, 2), [B, N]), whole: true };
    },
  };
}

function thresholds(N: number, leading: number): Float32Array {
  return Float32Array.from({ length: N * N }, (_, at) => {
    const [j, i] = [Math.floor(at / N), at % N];
    if (i < leading && i < j) return -far;
    if (j < leading) return far;
    return i < j ? -tiny : tiny;
  });
}

const pickTable = (N: number, firstPartner: number, firstRow: number): Float32Array =>
  // Position 0 is what a row without any partner gives.
  Float32Array.from({ length: N }, (_, j) =>
    j >= firstPartner && (j - firstPartner) % 2 === 0 ? firstRow + (j - firstPartner) / 2 : N,
  );

/** With operators that WebGPU has since ONNX Runtime 1.30: `TopK`, whose indices `Gather` reads, and `LpNormalization`. */
export function gpuSorting(
  graph: Graph,
  ops: Primitives<OnnxTensor>,
  defaults: Composites<OnnxTensor>,
): Pick<Composites<OnnxTensor>, "lpNormalize" | "pickPartners" | "rankDescending"> {
  const name = (x: OnnxTensor) => inputName(graph, x);

  function lpNormalize(x: OnnxTensor, p: 1 | 2): OnnxTensor {
    if (x.dtype !== "float32") return defaults.lpNormalize(x, p);
    const normed = recorded(graph.node("LpNormalization", [name(x)], { axis: -1, p }), x.shape, x.dtype);
    return { ...normed, positive: x.positive };
  }

  /** x in which the first `leading` elements are above all others; undefined if that took a kernel. */
  function withLeading({ made, shape }: OnnxTensor, leading: number): OnnxTensor | undefined {
    if (made?.by === "cosines") return made.leading === leading ? made.ahead : undefined;
    if (made?.by !== "where" || made.condition.made?.by !== "greater") return undefined;
    const limits = made.condition.made.left.host;
    const ahead = withLeading(made.left, leading);
    // Cosines are chosen for the leading elements of all images.
    const chosen = limits?.length === shape[1] && limits?.subarray(0, leading).every((limit) => limit >= far);
    return ahead && chosen ? ops.where(made.condition, ahead, made.right) : undefined;
  }

  return {
    lpNormalize,

    /** `TopK` sorts. Where x has to be changed before, comparing all pairs takes no more kernels. */
    rankDescending(x, leading = 0) {
      const N = x.shape[1]!;
      const sortable = x.dtype === "float32" && N <= sortedAtOnce ? withLeading(x, leading) : undefined;
      if (!sortable || !sameShape(sortable.shape, x.shape)) return defaults.rankDescending(x, leading);
      return ranksOf(graph, sortable, leading);
    },

    /** All pairs of tokens are compared, so that one constant can exclude what is no pair. */
    pickPartners(keys, sets) {
      const { firstCandidate, firstPartner, firstRow } = sets;
      // The table has its place for "no pick" at position 0, which can be no partner then.
      if (keys.dtype !== "float32" || firstPartner === 0) return defaults.pickPartners(keys, sets);
      const [B, N] = keys.shape as [number, number, number];
      const here = graph.here();
      const metric = name(lpNormalize(keys, 2));
      const isPair = Float32Array.from({ length: N * N }, (_, at) => {
        const [i, j] = [Math.floor(at / N) - firstCandidate, (at % N) - firstPartner];
        return i >= 0 && i % 2 === 0 && j >= 0 && j % 2 === 0 ? 1 : 0;
      });
      const table = graph.constant(pickTable(N, firstPartner, firstRow), [N], "float32");

      /** For each token the largest cosine of its pairs, or the number that it has in `others` [N or B, N]. */
      function pick(cosines: string, others: OnnxTensor) {
        const cosine = recorded(cosines, [B, N, N], "float32");
        const other = ops.reshape(others, [...others.shape, 1]);
        const compared = name(ops.where(constantOf(isPair, [N, N], "bool"), cosine, other));
        const inputs = [compared, graph.integers([1])];
        const [best, place] = graph.nodeOf(2, "TopK", inputs, { axis: -1, largest: 1, sorted: 1 });
        const rows = graph.node("Gather", [table, place!], { axis: 0 });
        return {
          similarity: { ...recorded(best!, [B, N, 1], "float32"), shape: [B, N] },
          row: { ...recorded(rows, [B, N, 1], "float32"), shape: [B, N] },
        };
      }

      // Tokens before both sets rank first, so that ranking need not put them there. They have no pick.
      const leading = Math.min(firstCandidate, firstPartner);
      const others = Float32Array.from({ length: N }, (_, i) => (i < leading ? far : noCosine));
      const cosines = graph.node("Einsum", [metric, metric], { equation: "bid,bjd->bij" });
      const { similarity: ahead, row } = pick(cosines, constantOf(others, [N], "float32"));
      const isLeading = others.map((value) => (value === far ? 1 : 0));
      const similarity = ops.where(constantOf(isLeading, [N], "bool"), noCosine, ahead);
      return {
        similarity: { ...similarity, made: { by: "cosines", ahead, leading } },
        row: {
          ...row,
          made: {
            by: "picks",
            // Cosines of 0 are not above the others, which are not below 0, and position 0 is no pick. It counts among equals.
            unless(matched, otherwise) {
              const inputs = [metric, metric, name(ops.reshape(matched, [B]))];
              return here(() => pick(graph.node("Einsum", inputs, { equation: "bid,bjd,b->bij" }), otherwise));
            },
          },
        },
      };
    },
  };
}

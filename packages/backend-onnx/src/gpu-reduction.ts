/**
 * Steps of token reduction in few kernels on GPUs (docs/decisions/0024-kernels-on-gpus.md). What the operators are given is exact:
 * whole numbers, comparisons, and constants.
 */
import type { Composites, Primitives } from "@ppt-vit/core/backend";
import type { Graph } from "./graph.js";
import { constantOf, inputName, type OnnxTensor, recorded } from "./tensor.js";

/** Below the difference of any two numbers that are not nearly 0. Some GPUs take numbers closer to 0 for 0. */
const tiny = 1.3 * 2 ** -126;
/** Above any rank. */
const far = 2 ** 120;

type Steps = Pick<Composites<OnnxTensor>, "rankDescending">;

export function gpuReduction(ops: Primitives<OnnxTensor>, defaults: Composites<OnnxTensor>): Steps {
  return {
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
): Pick<Composites<OnnxTensor>, "lpNormalize" | "pickPartners"> {
  const name = (x: OnnxTensor) => inputName(graph, x);

  function lpNormalize(x: OnnxTensor, p: 1 | 2): OnnxTensor {
    if (x.dtype !== "float32") return defaults.lpNormalize(x, p);
    return recorded(graph.node("LpNormalization", [name(x)], { axis: -1, p }), x.shape, x.dtype);
  }

  return {
    lpNormalize,

    /** All pairs of tokens are compared, so that one constant can exclude what is no pair. */
    pickPartners(keys, sets) {
      const { firstCandidate, firstPartner, firstRow } = sets;
      // The table has its place for "no pick" at position 0, which can be no partner then.
      if (keys.dtype !== "float32" || firstPartner === 0) return defaults.pickPartners(keys, sets);
      const [B, N] = keys.shape as [number, number, number];
      const metric = name(lpNormalize(keys, 2));
      const cosine = recorded(
        graph.node("Einsum", [metric, metric], { equation: "bid,bjd->bij" }),
        [B, N, N],
        "float32",
      );
      const isPair = Float32Array.from({ length: N * N }, (_, at) => {
        const [i, j] = [Math.floor(at / N) - firstCandidate, (at % N) - firstPartner];
        return i >= 0 && i % 2 === 0 && j >= 0 && j % 2 === 0 ? 1 : 0;
      });
      const compared = name(ops.where(constantOf(isPair, [N, N], "bool"), cosine, -4));
      const [best, place] = graph.nodeOf(2, "TopK", [compared, graph.integers([1])], {
        axis: -1,
        largest: 1,
        sorted: 1,
      });
      const table = graph.constant(pickTable(N, firstPartner, firstRow), [N], "float32");
      const rows = graph.node("Gather", [table, place!], { axis: 0 });
      return {
        similarity: { ...recorded(best!, [B, N, 1], "float32"), shape: [B, N] },
        row: { ...recorded(rows, [B, N, 1], "float32"), shape: [B, N] },
      };
    },
  };
}

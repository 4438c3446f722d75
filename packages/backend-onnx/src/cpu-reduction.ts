/**
 * Steps of token reduction with the operators that are fast on a CPU (docs/decisions/0025-speed-of-quantised-models.md). ONNX Runtime
 * computes integers on the CPU even in a GPU session, so `TopK` and `ArgMax` would cost copies there.
 */
import { hostTensor } from "@ppt-vit/core";
import type { Composites, Primitives } from "@ppt-vit/core/backend";
import type { Graph } from "./graph.js";
import { elementTypes } from "./proto.js";
import { constantOf, inputName, type OnnxTensor, recorded } from "./tensor.js";

/** The lowest finite number in float32. */
const lowest = -(2 - 2 ** -23) * 2 ** 127;

/** The smallest number of full precision in float32. Added to the mean square of zeros it keeps them zeros. */
const smallest = 2 ** -126;

type Steps = Pick<
  Composites<OnnxTensor>,
  "lpNormalize" | "rankDescending" | "argMax" | "pickPartners" | "classAttention" | "compressTokens" | "gatherRows"
>;

interface Given {
  readonly graph: Graph;
  readonly ops: Primitives<OnnxTensor>;
  /** Take what these steps do not cover. */
  readonly defaults: Composites<OnnxTensor>;
  /** That of the graph. */
  readonly softmax: Composites<OnnxTensor>["softmax"];
  /** Whether to use `LpNormalization`. ONNX Runtime 1.24 has that of ONNX 1, but not that of ONNX 22. */
  readonly lpNormalization: boolean;
}

export function cpuReduction({ graph, ops, defaults, softmax, lpNormalization }: Given): Steps {
  const name = (x: OnnxTensor) => inputName(graph, x);
  const toFloat = (wholeNumbers: string) => graph.node("Cast", [wholeNumbers], { to: elementTypes.float32 });
  const argMaxNode = (x: OnnxTensor) =>
    graph.node("ArgMax", [name(x)], { axis: -1, keepdims: 0, select_last_index: 0 });

  function lpNormalize(x: OnnxTensor, p: 1 | 2): OnnxTensor {
    if (x.dtype !== "float32") return defaults.lpNormalize(x, p);
    if (lpNormalization) return recorded(graph.node("LpNormalization", [name(x)], { axis: -1, p }), x.shape, x.dtype);
    if (p === 1) return defaults.lpNormalize(x, p);
    // It divides by the root of the mean square, which takes the root of the number of channels from the length.
    const C = x.shape.at(-1)!;
    const scale = graph.constant(new Float32Array(C).fill(1 / Math.sqrt(C)), [C], "float32");
    const normed = graph.node("RMSNormalization", [name(x), scale], { axis: -1, epsilon: smallest });
    return recorded(normed, x.shape, x.dtype);
  }

  return {
    lpNormalize,

    /** The first TopK gives the order of the elements. Sorting that order inverts it, which gives the ranks. */
    rankDescending(x, leading = 0) {
      if (x.dtype !== "float32") return defaults.rankDescending(x, leading);
      const N = x.shape[1]!;
      const count = graph.integers([N]);
      // NaN has no place in an order and could break the sort, so it becomes the lowest number. Nothing is above infinity, so
      // leading elements become that, whatever they are.
      const least = leading === 0 ? lowest : constantOf(leastValues(N, leading), [N], "float32");
      const sortable = name(ops.where(ops.greater(x, least), x, least));
      const [, order] = graph.nodeOf(2, "TopK", [sortable, count], { axis: 1, largest: 1, sorted: 1 });
      const [, ranks] = graph.nodeOf(2, "TopK", [order!, count], { axis: 1, largest: 0, sorted: 1 });
      return { ...recorded(toFloat(ranks!), x.shape, "float32"), whole: true };
    },

    argMax(x) {
      if (x.dtype !== "float32") return defaults.argMax(x);
      return { ...recorded(toFloat(argMaxNode(x)), x.shape.slice(0, -1), "float32"), whole: true };
    },

    /** `GatherND` copies rows. Those that do not exist are first replaced by the first one, then by zeros. */
    gatherRows(x, rows) {
      const [B, N, F] = x.shape as [number, number, number];
      const M = rows.shape[1]!;
      const within = ops.where(ops.greater(N, rows), rows, -1);
      const exists = ops.greater(within, -0.5);
      const indices = graph.node("Cast", [name(ops.where(exists, rows, 0))], { to: elementTypes.int64 });
      const each = graph.node("Unsqueeze", [indices, graph.integers([2])]);
      const gathered = graph.node("GatherND", [name(x), each], { batch_dims: 1 });
      return ops.where(ops.reshape(exists, [B, M, 1]), recorded(gathered, [B, M, F], x.dtype), 0);
    },

    /** A table gives the row of each pick, so that its index need not become a float first. */
    pickPartners(keys, sets) {
      if (keys.dtype !== "float32") return defaults.pickPartners(keys, sets);
      const { firstCandidate, firstPartner, firstRow } = sets;
      const [B, N] = keys.shape as [number, number];
      const metric = lpNormalize(keys, 2);
      const partners = ops.slice(metric, 1, firstPartner, N, 2);
      const cosine = ops.matMul(metric, ops.transpose(partners, [0, 2, 1]));
      const isCandidate = constantOf(
        Float32Array.from({ length: N }, (_, j) => (j >= firstCandidate && (j - firstCandidate) % 2 === 0 ? 1 : 0)),
        [N],
        "bool",
      );
      const table = Float32Array.from({ length: partners.shape[1]! }, (_, i) => firstRow + i);
      const rowOfPick = graph.node("Gather", [graph.constant(table, [table.length], "float32"), argMaxNode(cosine)], {
        axis: 0,
      });
      return {
        similarity: ops.where(isCandidate, ops.reshape(ops.max(cosine, 2), [B, N]), -4),
        row: { ...ops.where(isCandidate, recorded(rowOfPick, [B, N], "float32"), N), whole: true },
      };
    },

    /** Head by head in rows: the default multiplies, and takes the softmax, along an axis of only as many elements as heads. */
    classAttention(q, k, { heads, scale, logSize }) {
      const [B, N, C] = k.shape as [number, number, number];
      const mask = hostTensor([heads, C], (i) => (Math.floor(((i % C) * heads) / C) === Math.floor(i / C) ? scale : 0));
      const perHead = ops.mul(ops.reshape(q, [B, 1, C]), ops.cast(ops.constant(mask), q.dtype));
      const logits = ops.matMul(perHead, ops.transpose(k, [0, 2, 1]));
      const sizes = logSize && ops.cast(ops.reshape(logSize, [logSize.shape[0]!, 1, N]), q.dtype);
      return ops.reshape(ops.sum(softmax(sizes ? ops.add(logits, sizes) : logits), 1), [B, N]);
    },

    /** `Where` makes a pass over each of its operands and one more to join them, so the sizes are multiplied instead. */
    compressTokens(destination, count, values) {
      const { size, averaged, summed } = values;
      if (!size) return defaults.compressTokens(destination, count, values);
      const [B, N] = destination.shape as [number, number];
      const rows = constantOf(
        Float32Array.from({ length: count }, (_, k) => k),
        [count, 1],
        "float32",
      );
      const hits = ops.equal(ops.reshape(destination, [B, 1, N]), rows);
      const weights = ops.mul(ops.cast(hits, size.dtype), ops.reshape(size, [size.shape[0]!, 1, N]));
      const newSize = ops.sum(weights, 2);
      return {
        size: newSize,
        averaged: averaged && ops.matMul(ops.cast(ops.div(weights, newSize), averaged.dtype), averaged),
        summed: summed.map((x) => ops.matMul(ops.cast(hits, x.dtype), x)),
      };
    },
  };
}

const leastValues = (N: number, leading: number): Float32Array =>
  Float32Array.from({ length: N }, (_, j) => (j < leading ? Number.POSITIVE_INFINITY : lowest));

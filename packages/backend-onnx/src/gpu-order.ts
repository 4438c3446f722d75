/**
 * Output rows of tokens without their ranks. What a token contributes to each row stands in a table, and the order of `TopK` takes
 * the rows of the table. All numbers are whole, so the sums are exact.
 */
import { sameShape } from "@ppt-vit/core/backend";
import type { Graph } from "./graph.js";
import { joinedStep } from "./joined.js";
import { constantOf, inputName, isPositive, type OnnxTensor, recorded } from "./tensor.js";

/** Above any rank, any number that is ranked, and any variance. */
export const far = 2 ** 120;
/** The similarity of tokens that are no candidates. */
export const noCosine = -4;

type Table = (element: number, column: number) => number;

/** A table whose sums, weighted by places, are the ranks. */
const isSameElement: Table = (t, j) => (t === j ? 1 : 0);

/** The indices of the elements of x [B, N], the largest first. */
export function orderOf(graph: Graph, x: OnnxTensor): string {
  const inputs = [inputName(graph, x), graph.integers([x.shape[1]!])];
  return graph.nodeOf(2, "TopK", inputs, { axis: -1, largest: 1, sorted: 1 })[1]!;
}

/** The rows [N, columns] of all tables side by side, in an order of N elements: [B, N, columns] */
function inOrder(graph: Graph, order: string, N: number, tables: readonly Table[]): string {
  const columns = tables.length * N;
  const table = Float32Array.from({ length: N * columns }, (_, at) => {
    const column = at % columns;
    return tables[Math.floor(column / N)]!(Math.floor(at / columns), column % N);
  });
  return graph.node("Gather", [graph.constant(table, [N, columns], "float32"), order], { axis: 0 });
}

/** The sum of a table's rows in an order, weighted by their places. -> [B, N] */
function sumInOrder(
  graph: Graph,
  order: string,
  shape: readonly number[],
  table: Table,
  weight: (place: number) => number,
) {
  const [B, N] = shape as [number, number];
  const weights = graph.constant(
    Float32Array.from({ length: N }, (_, place) => weight(place)),
    [1, N],
    "float32",
  );
  const sum = graph.node("MatMul", [weights, inOrder(graph, order, N, [table])]);
  return { ...recorded(sum, [B, 1, N], "float32"), shape: [B, N] };
}

/** The rank of each element of x [B, N]. The first `leading` elements are above all others. */
export function ranksOf(graph: Graph, x: OnnxTensor, leading: number): OnnxTensor {
  const order = orderOf(graph, x);
  const ranks = sumInOrder(graph, order, x.shape, isSameElement, (place) => place);
  return { ...ranks, whole: true, made: { by: "rank", of: x, order, leading } };
}

/**
 * The row minus the columns of the matrix that belong to the first elements of an order. The constant row is in the table beside the
 * element that is always the first.
 */
export function rowsInOrder(graph: Graph, row: OnnxTensor, x: OnnxTensor): OnnxTensor | undefined {
  if (x.made?.by !== "product" || x.made.column.made?.by !== "first" || row.shape.length !== 1) return undefined;
  const { rank, bound } = x.made.column.made;
  const [constants, matrix] = [row.host, x.made.matrix.host];
  if (!constants || !matrix || !sameShape(x.shape, rank.shape) || constants.length !== rank.shape[1]) return undefined;
  if (rank.made?.by !== "rank" || rank.made.leading < 1 || bound < 1) return undefined;
  const N = rank.shape[1]!;
  const table: Table = (t, j) => (t === 0 ? constants[j]! : 0) - matrix[j * N + t]!;
  const rows = sumInOrder(graph, rank.made.order, rank.shape, table, (place) => (place < bound ? 1 : 0));
  return { ...rows, made: { by: "rows", rank, bound, table } };
}

/**
 * where(condition, min(rows, picks), rank), for a condition that says of each image whether it is matched, and a rank of similarities
 * or other numbers by the same condition. Images that are not matched have no picks, so that a minimum with them is nothing, and the
 * weights of both tables are chosen instead of their sums.
 */
export function joinedRows(
  graph: Graph,
  where: (condition: OnnxTensor, left: OnnxTensor, right: OnnxTensor) => OnnxTensor,
  condition: OnnxTensor,
  left: OnnxTensor,
  right: OnnxTensor,
): OnnxTensor | undefined {
  if (left.made?.by !== "min" || right.made?.by !== "rank" || condition.made?.by !== "greater") return undefined;
  const { left: rows, right: picked } = left.made;
  const { of: ranked, leading } = right.made;
  const { left: limits, right: value } = condition.made;
  if (rows.made?.by !== "rows" || rows.made.rank.name !== right.name || picked.made?.by !== "picks") return undefined;
  if (ranked.made?.by !== "where" || ranked.made.condition.name !== condition.name || !isPositive(ranked.made.right))
    return undefined;
  const limit = limits.host?.at(-1);
  const [B, N] = left.shape as [number, number];
  if (limit === undefined || !sameShape(value.shape, [B, 1]) || !sameShape(left.shape, right.shape)) return undefined;
  if (!limits.host!.every((one, j) => (j < leading ? one >= far : one === limit))) return undefined;
  const isMatched = joinedStep(graph, {
    ...condition,
    shape: value.shape,
    made: { by: "greater", left: constantOf(Float32Array.of(limit), [], "float32"), right: value },
  });
  if (!isMatched) return undefined;

  const lowest = Float32Array.from({ length: N }, (_, j) => (j < leading ? far : noCosine));
  const others = where(condition, constantOf(lowest, [N], "float32"), ranked.made.right);
  const { similarity, row } = picked.made.unless(isMatched, others);
  const { bound, table } = rows.made;
  // The weight of each place for both tables. The product with a decision of 0 or 1 chooses.
  const weightIf = (matched: boolean, at: number) => {
    const place = Math.floor(at / 2);
    if (at % 2 === 0) return matched && place < bound ? 1 : 0;
    return matched ? 0 : place;
  };
  const unmatched = Float32Array.from({ length: 2 * N }, (_, at) => weightIf(false, at));
  const change = unmatched.map((weight, at) => weightIf(true, at) - weight);
  const weights = graph.node("Gemm", [
    inputName(graph, isMatched),
    graph.constant(change, [1, 2 * N], "float32"),
    graph.constant(unmatched, [2 * N], "float32"),
  ]);
  const tables = inOrder(graph, orderOf(graph, similarity), N, [table, isSameElement]);
  const sum = graph.node("MatMul", [
    inputName(graph, { ...recorded(weights, [B, 2 * N], "float32"), shape: [B, 1, 2 * N] }),
    inputName(graph, { ...recorded(tables, [B, N, 2 * N], "float32"), shape: [B, 2 * N, N] }),
  ]);
  const summed = { ...recorded(sum, [B, 1, N], "float32"), shape: [B, N] };
  return recorded(graph.node("Min", [inputName(graph, summed), inputName(graph, row)]), [B, N], "float32");
}

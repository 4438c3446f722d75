/** Joins each residual addition with the layer norm that follows it: `SkipLayerNormalization` gives the sum and its norm. */
import { contrib, type Graph } from "./graph.js";
import type { NodeProto } from "./proto.js";

/** Of all nodes of a graph. The sum keeps its name, so that every other node finds it. */
export function joinResidualNorms(graph: Graph): void {
  const sums = new Map(
    graph.nodes
      .filter((node) => node.opType === "Add" && graph.residuals.has(node.output[0]!))
      .map((node) => [node.output[0]!, node]),
  );
  const joined = new Set<NodeProto>();
  for (const norm of graph.nodes) {
    if (norm.opType !== "LayerNormalization") continue;
    const sum = sums.get(norm.input[0]!);
    // A second norm of the same sum stays as it is.
    if (!sum || !sums.delete(norm.input[0]!)) continue;
    const [x, skip] = graph.residuals.get(sum.output[0]!)!;
    // The joined node stands where the sum stood, before all that reads it, and has the name of the norm.
    sum.opType = "SkipLayerNormalization";
    sum.domain = contrib;
    sum.name = norm.name;
    sum.input = [x, skip, norm.input[1]!, norm.input[2]!];
    sum.output = [norm.output[0]!, "", "", sum.output[0]!];
    sum.attribute = norm.attribute.filter(({ name }) => name === "epsilon");
    graph.usesContrib = true;
    joined.add(norm);
  }
  graph.nodes.splice(0, graph.nodes.length, ...graph.nodes.filter((node) => !joined.has(node)));
}

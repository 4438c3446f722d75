/** Runs a program once on symbolic tensors and writes the recorded graph as an ONNX model. */
import {
  type CompileOptions,
  callProgram,
  checkProgram,
  type DType,
  type Program,
  resolveOps,
  type Shape,
} from "@ppt-vit/core/backend";
import type { Fusion } from "./fusion.js";
import { contrib, Graph } from "./graph.js";
import { countKernels, type KernelCount } from "./kernels.js";
import { onnxOverrides } from "./overrides.js";
import { onnxPrimitives } from "./primitives.js";
import { elementTypes, encodeModel, putBeside, type ValueInfoProto, type WeightBeside } from "./proto.js";
import { joinResidualNorms } from "./residual-norms.js";
import { inputName, type OnnxTensor, parameterOf, recorded } from "./tensor.js";

/** Options of `traceProgram`. */
export interface TraceOptions extends CompileOptions {
  /** Precision of parameters and activations. Inputs and outputs are float32 in any case. Default `float32`. */
  readonly dtype?: "float32" | "float16" | undefined;
  readonly fusion: Fusion;
  /**
   * `beside` leaves large parameters out of the file, and the runtime reads them from the arrays of `params`. That saves copies
   * in memory. Default `inside`.
   */
  readonly weights?: "inside" | "beside" | undefined;
  /** Outputs to keep, in this order. Default: all. */
  readonly outputs?: readonly string[] | undefined;
  /** What people should know who look into the file. */
  readonly note?: string | undefined;
  /** Key-value pairs to store in the file. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** Since 23 `Attention` is an operator; since 18 ReduceMax takes its axes as an input. */
const opsetFor = (fusion: Fusion): number => (fusion.standardAttention ? 23 : 18);

/** Name of the free leading dimension. */
export const batchDimension = "batch_size";

/** A program as an ONNX file. */
export interface TracedModel {
  /** An `.onnx` file with a free batch where the inputs have one. */
  readonly bytes: Uint8Array;
  readonly outputs: readonly string[];
  /** Shape of each output; -1 is the free batch. */
  readonly shapes: Readonly<Record<string, Shape>>;
  readonly nodes: number;
  /** What a GPU launches in a run. */
  readonly kernels: KernelCount;
  /** The parameters that the file refers to but does not hold. Most share the memory of `params`. */
  readonly beside: readonly WeightBeside[];
}

/** @throws PptError INVALID_SHAPE or INVALID_DTYPE if the program does not fit its parameters and inputs */
export function traceProgram(program: Program, options: TraceOptions): TracedModel {
  checkProgram(program, options);
  const { params, inputs, dtype = "float32", fusion, weights = "inside", note = "", metadata = {} } = options;
  const graph = new Graph();
  const ops = resolveOps(onnxPrimitives(graph, dtype, fusion), onnxOverrides(graph, fusion, weights === "beside"));
  const parameters = Object.fromEntries(
    Object.entries(params).map(([name, tensor]) => [name, parameterOf(name, tensor, dtype, fusion.integers ?? {})]),
  );
  const symbols = Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => [name, ops.cast(recorded(name, shape, "float32"), dtype)]),
  );
  const results = callProgram(program, ops, parameters, symbols);

  const outputs = options.outputs ?? Object.keys(results);
  for (const name of outputs) nameOutput(graph, name, results[name]!);
  removeUnused(graph, outputs);
  if (fusion.contrib && fusion.forGpu) joinResidualNorms(graph);
  const { initializers, beside } =
    weights === "beside" ? putBeside(graph.initializers) : { initializers: graph.initializers, beside: [] };
  const bytes = encodeModel({
    irVersion: 8,
    producerName: "ppt-vit",
    docString: note,
    opsetImport: [
      { domain: "", version: opsetFor(fusion) },
      ...(graph.usesContrib ? [{ domain: contrib, version: 1 }] : []),
    ],
    graph: {
      name: "ppt-vit",
      node: graph.nodes,
      initializer: initializers,
      input: Object.entries(inputs).map(([name, shape]) => valueInfo(name, shape, "float32")),
      output: outputs.map((name) => valueInfo(name, results[name]!.shape, "float32")),
      valueInfo: declared(graph),
    },
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
  const shapes = Object.fromEntries(outputs.map((name) => [name, results[name]!.shape]));
  return { bytes, outputs, shapes, nodes: graph.nodes.length, kernels: countKernels(graph.nodes), beside };
}

/** Adds a node with the output's name. It is a cast if the model computes in another precision: outputs are always float32. */
function nameOutput(graph: Graph, name: string, x: OnnxTensor): void {
  const opType = x.dtype === "float32" ? "Identity" : "Cast";
  const attribute = opType === "Cast" ? [{ name: "to", type: 2, i: elementTypes.float32 }] : [];
  graph.nodes.push({
    name: `output/${name}`,
    opType,
    domain: "",
    input: [inputName(graph, x)],
    output: [name],
    attribute,
  });
}

/** Drops nodes and constants that no kept output depends on. */
function removeUnused(graph: Graph, outputs: readonly string[]): void {
  const needed = new Set(outputs);
  // Nodes stand in the order of their computation, so one pass from the end sees every use before its source.
  const kept = graph.nodes.toReversed().filter((node) => {
    if (!node.output.some((name) => needed.has(name))) return false;
    for (const name of node.input) needed.add(name);
    return true;
  });
  graph.nodes.splice(0, graph.nodes.length, ...kept.reverse());
  const initializers = graph.initializers.filter(({ name }) => needed.has(name));
  graph.initializers.splice(0, graph.initializers.length, ...initializers);
}

/** The types of values in the graph that no other tool can infer. A free length there may be that of all tokens of a batch. */
const declared = ({ nodes, types }: Graph): ValueInfoProto[] =>
  nodes
    .filter(({ domain }) => domain !== "")
    .flatMap(({ output }) => output)
    .filter((name) => types.has(name))
    .map((name) => valueInfo(name, types.get(name)!.shape, types.get(name)!.dtype, {}));

function valueInfo(
  name: string,
  shape: Shape,
  dtype: DType,
  free: { dimParam?: string } = { dimParam: batchDimension },
): ValueInfoProto {
  const dim = shape.map((n) => (n === -1 ? free : { dimValue: n }));
  return { name, type: { tensorType: { elemType: elementTypes[dtype], shape: { dim } } } };
}

/**
 * Linear layers over quantised weights. Which operator takes a weight depends on how it is stored and on the device
 * (docs/decisions/0020-quantised-weights.md, docs/decisions/0026-four-bits.md).
 */
import type { DType, Quantized, QuantizedBlocks, QuantizedRows } from "@ppt-vit/core/backend";
import { contrib, type Graph } from "./graph.js";
import { elementTypes } from "./proto.js";

/** x [..., I] times weight [O, I], plus bias [O]: the name of the result [..., O]. */
type Product<Stored extends Quantized> = (
  graph: Graph,
  x: { readonly name: string; readonly dtype: DType },
  weight: { readonly stored: Stored; readonly O: number; readonly I: number },
  bias: string | undefined,
) => string;

interface IntegerProduct<Stored extends Quantized> {
  /**
   * The types of activations that it takes, each with the largest error of a product that is right, relative to the largest
   * product.
   */
  readonly tolerances: Readonly<Partial<Record<DType, number>>>;
  readonly record: Product<Stored>;
}

const products = {
  /** Operators for weights with one scale for each row. */
  rows: {
    /**
     * The activations are quantised in each run, all images of a batch together. Products that read the same activations share
     * their integers, because the graph records equal nodes once. Where a single product reads them, ONNX Runtime fuses both
     * nodes into `DynamicQuantizeMatMul`.
     */
    MatMulIntegerToFloat: {
      tolerances: { float32: 2e-2 },
      record(graph, x, weight, bias) {
        const { quantized, step, zero } = quantizedActivations(graph, x.name);
        const scale = graph.constant(weight.stored.scales, [weight.O], "float32");
        // The sixth input holds the zero points of the weights, which are 0.
        const inputs = [quantized, transposed(graph, weight), step, scale, zero];
        return graph.node("MatMulIntegerToFloat", bias ? [...inputs, "", bias] : inputs, {}, contrib);
      },
    },
    /** The same in operators of the standard. */
    MatMulInteger: {
      tolerances: { float32: 2e-2 },
      record(graph, x, weight, bias) {
        const { quantized, step, zero } = quantizedActivations(graph, x.name);
        const sums = graph.node("MatMulInteger", [quantized, transposed(graph, weight), zero]);
        const floats = graph.node("Cast", [sums], { to: elementTypes.float32 });
        const scale = graph.constant(weight.stored.scales, [weight.O], "float32");
        const product = graph.node("Mul", [floats, graph.node("Mul", [step, scale])]);
        return bias ? graph.node("Add", [product, bias]) : product;
      },
    },
    /** One operator of ONNX Runtime. The activations stay floats. */
    MatMulNBits: {
      tolerances: { float32: 1e-3, float16: 1e-2 },
      record: (graph, x, { stored, O, I }, bias) =>
        matMulNBits(graph, x, { ...blocksOfRows(stored, O, I), bits: 8, block: blockOfRows, O, I }, bias),
    },
  },
  /** Operators for weights in blocks of 4 bits. */
  blocks: {
    MatMulNBits: {
      tolerances: { float32: 1e-3, float16: 1e-2 },
      record: (graph, x, { stored, O, I }, bias) => matMulNBits(graph, x, { ...stored, bits: 4, O, I }, bias),
    },
  },
} satisfies {
  rows: Record<string, IntegerProduct<QuantizedRows>>;
  blocks: Record<string, IntegerProduct<QuantizedBlocks>>;
};

/** The operator that takes the weights of each layout. A weight whose layout has none becomes floats. */
export type IntegerProducts = { readonly [Kind in Quantized["kind"]]?: keyof (typeof products)[Kind] | undefined };

/** The operator for weights of a layout. */
export function productFor(chosen: IntegerProducts, kind: Quantized["kind"]): IntegerProduct<Quantized> | undefined {
  const ofKind: Record<string, IntegerProduct<never>> = products[kind];
  const name = chosen[kind];
  return name === undefined ? undefined : (ofKind[name] as IntegerProduct<Quantized>);
}

/** Whether a weight keeps its integers in a model whose activations are of type `dtype`. */
export const keepsIntegers = (chosen: IntegerProducts, { kind }: Quantized, dtype: DType): boolean =>
  productFor(chosen, kind)?.tolerances[dtype] !== undefined;

/** The linear layer of a weight that keeps its integers. */
export const integerProduct = (chosen: IntegerProducts, ...given: Parameters<Product<Quantized>>): string =>
  productFor(chosen, given[2].stored.kind)!.record(...given);

/** value = (quantized - zero) * step */
function quantizedActivations(graph: Graph, x: string): { quantized: string; step: string; zero: string } {
  const [quantized, step, zero] = graph.nodeOf(3, "DynamicQuantizeLinear", [x]);
  return { quantized: quantized!, step: step!, zero: zero! };
}

/** `integers` [O, n, block * bits / 8], `scales` [O, n]. */
interface NBits {
  readonly bits: 4 | 8;
  readonly block: number;
  readonly integers: Uint8Array;
  readonly scales: Float32Array;
  readonly O: number;
  readonly I: number;
}

/**
 * `accuracy_level` is left out, so that the operator computes in floats. Level 4 quantises the activations. With 4 bits it was
 * slower on native CPUs, and on wasm it gave the same bits in the same time (docs/decisions/0026-four-bits.md).
 */
function matMulNBits(
  graph: Graph,
  x: { readonly name: string; readonly dtype: DType },
  { bits, block, integers, scales, O, I }: NBits,
  bias: string | undefined,
): string {
  const n = Math.ceil(I / block);
  const weight = graph.bytes(integers, [O, n, (block * bits) / 8]);
  const scale = graph.constant(scales, [O, n], x.dtype);
  // Between them stand zero points, which are the middle of the range, and an order of the groups.
  const inputs = [x.name, weight, scale, ...(bias ? ["", "", bias] : [])];
  return graph.node("MatMulNBits", inputs, { K: I, N: O, bits, block_size: block }, contrib);
}

/** The WebGPU kernel for many rows takes blocks of this length only. */
const blockOfRows = 32;

/** A weight in rows as one in blocks: `MatMulNBits` takes integers above a zero point of 128, and a scale for each block. */
function blocksOfRows({ integers, scales }: QuantizedRows, O: number, I: number) {
  const n = Math.ceil(I / blockOfRows);
  const padded = n * blockOfRows;
  const out = new Uint8Array(O * padded).fill(128);
  for (let row = 0; row < O; row++) for (let i = 0; i < I; i++) out[row * padded + i] = integers[row * I + i]! + 128;
  return { integers: out, scales: Float32Array.from({ length: O * n }, (_, i) => scales[Math.floor(i / n)]!) };
}

/** The integers [O, I] as a constant [I, O], in which order the operators of 8-bit products take a weight. */
function transposed(
  graph: Graph,
  { stored: { integers }, O, I }: { stored: QuantizedRows; O: number; I: number },
): string {
  const out = new Int8Array(integers.length);
  const tile = 64;
  for (let top = 0; top < O; top += tile)
    for (let left = 0; left < I; left += tile)
      for (let row = top; row < Math.min(top + tile, O); row++)
        for (let i = left; i < Math.min(left + tile, I); i++) out[i * O + row] = integers[row * I + i]!;
  return graph.bytes(out, [I, O]);
}

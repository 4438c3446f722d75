/**
 * Linear layers over 8-bit weights. The activations of each run are quantised by their own minimum and maximum, all images
 * of a batch together (docs/decisions/0020-quantised-weights.md).
 */
import type { QuantizedRows } from "@ppt-vit/core/backend";
import { contrib, type Graph } from "./graph.js";
import { elementTypes } from "./proto.js";

/**
 * x [..., I] times weight [O, I], plus bias [O]. ONNX Runtime has one operator for it (`fused`). The standard has one for the
 * product of the integers, and some more around it.
 * @returns the name of the result [..., O]
 */
export function integerProduct(
  graph: Graph,
  fused: boolean,
  x: string,
  { integers, scales }: QuantizedRows,
  bias: string | undefined,
): string {
  const O = scales.length;
  const I = integers.length / O;
  const weight = graph.integers8(transposedIntegers(integers, O, I), [I, O]);
  const scale = graph.constant(scales, [O], "float32");
  if (fused) {
    // The fourth input holds the zero points of the weights, which are 0.
    const inputs = [x, weight, scale, ...(bias ? ["", bias] : [])];
    return graph.node("DynamicQuantizeMatMul", inputs, {}, contrib);
  }
  const [quantized, step, zero] = graph.nodeOf(3, "DynamicQuantizeLinear", [x]) as [string, string, string];
  const sums = graph.node("MatMulInteger", [quantized, weight, zero]);
  const floats = graph.node("Cast", [sums], { to: elementTypes.float32 });
  const product = graph.node("Mul", [floats, graph.node("Mul", [step, scale])]);
  return bias ? graph.node("Add", [product, bias]) : product;
}

/** [O, I] as [I, O], in which order the operators take a weight. */
function transposedIntegers(integers: Int8Array, O: number, I: number): Int8Array {
  const out = new Int8Array(integers.length);
  const tile = 64;
  for (let top = 0; top < O; top += tile)
    for (let left = 0; left < I; left += tile)
      for (let row = top; row < Math.min(top + tile, O); row++)
        for (let i = left; i < Math.min(left + tile, I); i++) out[i * O + row] = integers[row * I + i]!;
  return out;
}

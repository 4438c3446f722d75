/** Weights of linear layers in 4 bits. */
import { blocksBytes, quantizeBlocks, quantizeRows, rowsBytes } from "../quantize.js";
import type { WeightDtype } from "./weight-dtype.js";

export const q4 = {
  name: "q4",
  bits: 4,
  title: "weights of the blocks' linear layers as 4-bit integers, of the others as 8-bit integers",
  quantize: (weight, place) => (place === "block" ? quantizeBlocks(weight) : quantizeRows(weight)),
  bytes: (O, I, place) => (place === "block" ? blocksBytes(O, I) : rowsBytes(O, I)),
} as const satisfies WeightDtype;

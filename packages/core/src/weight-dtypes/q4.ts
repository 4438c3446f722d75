/** Weights of linear layers in 4 bits. */
import { quantizeBlocks, quantizeRows } from "../quantize.js";
import type { WeightDtype } from "./weight-dtype.js";

export const q4 = {
  name: "q4",
  bits: 4,
  title: "weights of the blocks' linear layers as 4-bit integers, of the others as 8-bit integers",
  quantize: (weight, place) => (place === "block" ? quantizeBlocks(weight) : quantizeRows(weight)),
} as const satisfies WeightDtype;

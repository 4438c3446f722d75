/** Weights of linear layers in 8 bits. */
import { quantizeRows, rowsBytes } from "../quantize.js";
import type { WeightDtype } from "./weight-dtype.js";

export const q8 = {
  name: "q8",
  bits: 8,
  title: "weights of linear layers as 8-bit integers",
  quantize: quantizeRows,
  bytes: rowsBytes,
} as const satisfies WeightDtype;

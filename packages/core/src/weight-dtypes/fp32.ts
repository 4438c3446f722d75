/** Weights as floats of 32 bits. */
import type { WeightDtype } from "./weight-dtype.js";

export const fp32 = {
  name: "fp32",
  bits: 32,
  title: "weights as floats",
} as const satisfies WeightDtype;

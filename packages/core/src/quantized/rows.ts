/** 8-bit integers with one scale for each row. */
import type { QuantizedRows } from "../seam.js";
import type { QuantizedLayout } from "./layout.js";

export const rows: QuantizedLayout<QuantizedRows> = {
  kind: "rows",
  holds: ({ integers, scales }) => integers instanceof Int8Array && scales instanceof Float32Array,
  lengths: (_, O, I) => ({ integers: O * I, scales: O }),
  floats({ integers, scales }, O, I) {
    const out = new Float32Array(O * I);
    for (let row = 0; row < O; row++)
      for (let i = row * I; i < (row + 1) * I; i++) out[i] = integers[i]! * scales[row]!;
    return out;
  },
};

/** 8-bit integers with one scale for each row. */
import type { QuantizedRows } from "../seam.js";
import type { QuantizedLayout } from "./layout.js";

export const rows: QuantizedLayout<QuantizedRows> = {
  kind: "rows",
  holds: ({ integers, scales }) => integers instanceof Int8Array && scales instanceof Float32Array,
  lengths: (_, O, I) => ({ integers: O * I, scales: O }),
  floats({ integers, scales }, O, I) {
    const out = new Float32Array(O * I);
    for (let row = 0; row < O; row++) {
      const end = (row + 1) * I;
      const scale = scales[row]!;
      for (let i = row * I; i < end; i++) out[i] = integers[i]! * scale;
    }
    return out;
  },
};

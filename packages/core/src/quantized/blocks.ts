/** 4-bit integers with one scale for each block of a row, two integers in a byte. */
import type { QuantizedBlocks } from "../seam.js";
import type { QuantizedLayout } from "./layout.js";

/** The integer that stands for 0. */
export const zeroPoint = 8;

/** Number of blocks in a row of I values. The last one may be padded. */
export const blocksIn = (I: number, block: number): number => Math.ceil(I / block);

export const blocks: QuantizedLayout<QuantizedBlocks> = {
  kind: "blocks",
  holds: ({ integers, scales, block }) =>
    integers instanceof Uint8Array &&
    scales instanceof Float32Array &&
    typeof block === "number" &&
    Number.isInteger(block) &&
    block > 0 &&
    block % 2 === 0,
  lengths({ block }, O, I) {
    const scales = O * blocksIn(I, block);
    return { integers: (scales * block) / 2, scales };
  },
  floats({ integers, scales, block }, O, I) {
    const out = new Float32Array(O * I);
    const perRow = blocksIn(I, block);
    for (let row = 0; row < O; row++)
      for (let n = 0; n < perRow; n++) {
        const at = row * perRow + n;
        const scale = scales[at]!;
        const end = row * I + Math.min((n + 1) * block, I);
        let from = (at * block) / 2;
        for (let i = row * I + n * block; i < end; i += 2) {
          const byte = integers[from++]!;
          out[i] = ((byte & 15) - zeroPoint) * scale;
          if (i + 1 < end) out[i + 1] = ((byte >> 4) - zeroPoint) * scale;
        }
      }
    return out;
  },
};

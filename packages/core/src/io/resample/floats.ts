/** Resizes without rounding to bytes: between the two passes, and at the end, values stay fractions of a byte. */
import type { RgbImage } from "./resample.js";
import { fractionBits, type Windows } from "./windows.js";

const unit = 2 ** -fractionBits;

/** data [height, width, 3], in the units of the picture's bytes. */
export interface FloatImage {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** The picture as `resample` makes it, but in floats. */
export function resampleFloats({ width, data }: RgbImage, columns: Windows, rows: Windows): FloatImage {
  const outputWidth = columns.starts.length;
  const outputHeight = rows.starts.length;
  const rowLength = 3 * outputWidth;
  // The last rows that were taken, in a ring: a tall picture needs no tall intermediate picture.
  const ring = Array.from({ length: rows.stride }, () => new Float32Array(rowLength));
  const output = new Float32Array(outputHeight * rowLength);
  const take = (y: number) => {
    const row = ring[y % rows.stride]!;
    const pixels = data.subarray(3 * width * y, 3 * width * (y + 1));
    for (let x = 0, to = 0; x < outputWidth; x++, to += 3) {
      let [red, green, blue] = [0, 0, 0];
      const first = x * columns.stride;
      for (let i = first, from = 3 * columns.starts[x]!; i < first + columns.lengths[x]!; i++, from += 3) {
        const weight = columns.weights[i]! * unit;
        red += pixels[from]! * weight;
        green += pixels[from + 1]! * weight;
        blue += pixels[from + 2]! * weight;
      }
      row[to] = red;
      row[to + 1] = green;
      row[to + 2] = blue;
    }
  };
  let taken = 0;
  for (let y = 0; y < outputHeight; y++) {
    const start = rows.starts[y]!;
    const end = start + rows.lengths[y]!;
    for (taken = Math.max(taken, start); taken < end; taken++) take(taken);
    const target = output.subarray(y * rowLength, (y + 1) * rowLength);
    for (let i = 0; i < rows.lengths[y]!; i++) {
      const row = ring[(start + i) % rows.stride]!;
      const weight = rows.weights[y * rows.stride + i]! * unit;
      for (let j = 0; j < rowLength; j++) target[j]! += row[j]! * weight;
    }
  }
  return { width: outputWidth, height: outputHeight, data: output };
}

/**
 * Resizes like Pillow, bit for bit: each row is resampled along its width and rounded to bytes, then the columns. Pillow 12.3
 * resamples columns first if a picture is more than 100 times as high as wide. Only there the results differ (decision 0004).
 */
import type { RowResamplers } from "./row-resampler.js";
import { scalarRows } from "./scalar.js";
import { simdRows } from "./simd.js";
import type { Windows } from "./windows.js";

/** An RGB picture, row-major: `data [height, width, 3]`. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/**
 * Resizes a picture. The input is read once from top to bottom, and only the rows that an output row needs are kept. A tall
 * picture thus needs no tall intermediate picture.
 */
export function resample(
  { width, data }: RgbImage,
  columns: Windows,
  rows: Windows,
  resampler: RowResamplers = simdRows() ?? scalarRows,
): RgbImage {
  const pixels = new Uint8Array(data.buffer, data.byteOffset, data.length);
  const outputWidth = columns.starts.length;
  const outputHeight = rows.starts.length;
  const output = new Uint8ClampedArray(3 * outputWidth * outputHeight);
  const { take, make } = resampler(width, columns, rows);
  let taken = 0;
  for (let y = 0; y < outputHeight; y++) {
    const start = rows.starts[y]!;
    const end = start + rows.lengths[y]!;
    for (taken = Math.max(taken, start); taken < end; taken++)
      take(pixels.subarray(3 * width * taken, 3 * width * (taken + 1)), taken);
    output.set(make(y), 3 * outputWidth * y);
  }
  return { width: outputWidth, height: outputHeight, data: output };
}

/** The inner loops in plain JavaScript. They run where WebAssembly is forbidden or has no SIMD. */
import type { RowResamplers } from "./row-resampler.js";
import { fractionBits } from "./windows.js";

const half = 1 << (fractionBits - 1);

export const scalarRows: RowResamplers = (_inputWidth, columns, rows) => {
  const rowBytes = 3 * columns.starts.length;
  // Uint8ClampedArray clamps the sums to bytes.
  const ring = Array.from({ length: rows.stride }, () => new Uint8ClampedArray(rowBytes));
  const sums = new Int32Array(rowBytes);
  const output = new Uint8ClampedArray(rowBytes);
  const outputBytes = new Uint8Array(output.buffer);
  return {
    take(pixels, y) {
      const row = ring[y % rows.stride]!;
      const { starts, lengths, weights, stride } = columns;
      for (let x = 0, to = 0; x < starts.length; x++, to += 3) {
        const end = x * stride + lengths[x]!;
        let red = half;
        let green = half;
        let blue = half;
        for (let i = x * stride, from = 3 * starts[x]!; i < end; i++, from += 3) {
          const weight = weights[i]!;
          red = (red + Math.imul(pixels[from]!, weight)) | 0;
          green = (green + Math.imul(pixels[from + 1]!, weight)) | 0;
          blue = (blue + Math.imul(pixels[from + 2]!, weight)) | 0;
        }
        row[to] = red >> fractionBits;
        row[to + 1] = green >> fractionBits;
        row[to + 2] = blue >> fractionBits;
      }
    },
    make(y) {
      sums.fill(half);
      const start = rows.starts[y]!;
      for (let i = 0; i < rows.lengths[y]!; i++) {
        const row = ring[(start + i) % rows.stride]!;
        const weight = rows.weights[y * rows.stride + i]!;
        for (let j = 0; j < rowBytes; j++) sums[j]! += Math.imul(row[j]!, weight);
      }
      for (let j = 0; j < rowBytes; j++) output[j] = sums[j]! >> fractionBits;
      return outputBytes;
    },
  };
};

/** Interpolates a map to another size, as PyTorch does with `align_corners` false and without antialiasing. */
import type { ImageSize } from "@ppt-vit/core";

/** One number for each pixel, row by row: `data [height, width]`. */
export interface NumberMap extends ImageSize {
  readonly data: Float32Array;
}

/** How many neighbours along an axis make a value, and their weights at distance `x` in input pixels. */
const kernels = {
  bilinear: { taps: 2, weight: (x: number) => 1 - Math.abs(x) },
  bicubic: {
    taps: 4,
    // The cubic convolution kernel of Keys (1981) with a = -0.75.
    weight(x: number) {
      const a = -0.75;
      const d = Math.abs(x);
      if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
      return a * (((d - 5) * d + 8) * d - 4);
    },
  },
} as const;

export type Interpolation = keyof typeof kernels;
export const interpolations = Object.keys(kernels) as readonly Interpolation[];

/** For each output position along an axis: the input positions, and their weights. Beyond the border its value is repeated. */
function windowsOf(from: number, to: number, kernel: Interpolation) {
  const { taps, weight } = kernels[kernel];
  const positions = new Int32Array(to * taps);
  const weights = new Float64Array(to * taps);
  for (let at = 0; at < to; at++) {
    const center = (at + 0.5) * (from / to) - 0.5;
    const first = Math.floor(center) - taps / 2 + 1;
    for (let i = 0; i < taps; i++) {
      positions[at * taps + i] = Math.min(Math.max(first + i, 0), from - 1);
      weights[at * taps + i] = weight(first + i - center);
    }
  }
  return { taps, positions, weights };
}

/** The map at another size. Sums are float64. */
export function interpolated(map: NumberMap, { width, height }: ImageSize, kernel: Interpolation): NumberMap {
  if (map.width === width && map.height === height) return map;
  const columns = windowsOf(map.width, width, kernel);
  const rows = windowsOf(map.height, height, kernel);
  const data = new Float32Array(width * height);
  const row = new Float64Array(map.width);
  for (let y = 0, to = 0; y < height; y++) {
    row.fill(0);
    for (let i = y * rows.taps; i < (y + 1) * rows.taps; i++) {
      const weight = rows.weights[i]!;
      const from = rows.positions[i]! * map.width;
      for (let x = 0; x < map.width; x++) row[x]! += weight * map.data[from + x]!;
    }
    for (let x = 0, i = 0; x < width; x++) {
      let sum = 0;
      for (const end = i + columns.taps; i < end; i++) sum += columns.weights[i]! * row[columns.positions[i]!]!;
      data[to++] = sum;
    }
  }
  return { width, height, data };
}

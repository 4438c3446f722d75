/** Position tables: how the table for one grid of patches becomes the table for another grid. */
import type { HostTensor } from "../seam.js";
import type { PositionInterpolation } from "./config.js";

/** Rows and columns of patches. */
export type Grid = readonly [number, number];

/** The input positions that one output position is a weighted sum of. */
type Taps = readonly (readonly [position: number, weight: number])[];

/** The cubic convolution kernel of Keys (1981), with its free parameter `a`. */
const cubic = (a: number) => (x: number) => {
  const d = Math.abs(x);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? a * (((d - 5) * d + 8) * d - 4) : 0;
};

/** PyTorch's `bicubic`: always four neighbours, a = -0.75. Beyond the border the border's value is repeated. */
function bicubicTaps(from: number, to: number, at: number): Taps {
  const weight = cubic(-0.75);
  const center = (at + 0.5) * (from / to) - 0.5;
  const first = Math.floor(center) - 1;
  return Array.from({ length: 4 }, (_, i) => [Math.min(Math.max(first + i, 0), from - 1), weight(first + i - center)]);
}

/** PyTorch's `bicubic` with `antialias`, a = -0.5: the window grows as the grid shrinks, and ends at the border. */
function antialiasedTaps(from: number, to: number, at: number): Taps {
  const weight = cubic(-0.5);
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const center = (at + 0.5) * scale;
  const first = Math.max(Math.trunc(center - 2 * stretch + 0.5), 0);
  const end = Math.min(Math.trunc(center + 2 * stretch + 0.5), from);
  const weights = Array.from({ length: end - first }, (_, i) => weight((first + i - center + 0.5) / stretch));
  const sum = weights.reduce((total, w) => total + w, 0);
  return weights.map((w, i) => [first + i, w / sum]);
}

/**
 * The table of grid `from`, [rows * columns, C], interpolated to grid `to`. Sums are float64. Sinusoids are not
 * interpolated: `sinusoids` computes them for the new grid.
 */
export function interpolatePositions(
  table: Float32Array,
  from: Grid,
  to: Grid,
  method: Exclude<PositionInterpolation, "sinusoid">,
): Float32Array {
  const C = table.length / (from[0] * from[1]);
  const taps = method === "bicubic" ? bicubicTaps : antialiasedTaps;
  const columnTaps = Array.from({ length: to[1] }, (_, column) => taps(from[1], to[1], column));
  const out = new Float32Array(to[0] * to[1] * C);
  const row = new Float64Array(from[1] * C);
  for (let y = 0; y < to[0]; y++) {
    row.fill(0);
    for (const [position, weight] of taps(from[0], to[0], y))
      for (let i = 0; i < row.length; i++) row[i]! += weight * table[position * row.length + i]!;
    columnTaps.forEach((list, x) => {
      for (let c = 0; c < C; c++) {
        let sum = 0;
        for (const [position, weight] of list) sum += weight * row[position * C + c]!;
        out[(y * to[1] + x) * C + c] = sum;
      }
    });
  }
  return out;
}

/** [positions, C], sines and cosines in turn, at frequencies from 1 to 1/10000 (arXiv 1706.03762, section 3.5). */
export function sinusoids(positions: number, C: number): HostTensor {
  const data = new Float32Array(positions * C);
  for (let position = 0; position < positions; position++)
    for (let c = 0; c < C; c++) {
      const angle = position / 10000 ** ((2 * Math.floor(c / 2)) / C);
      data[position * C + c] = c % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    }
  return { shape: [positions, C], data };
}

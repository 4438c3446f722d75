/** The input positions that each output position is computed from along one axis, with the same weights as Pillow. */

export type ResampleFilter = "nearest" | "bilinear" | "bicubic" | "lanczos";

/** The windows of all output positions. Their first and last positions ascend, and none is empty. */
export interface Windows {
  /** First input position of each window. */
  readonly starts: Int32Array;
  /** Number of input positions in each window. */
  readonly lengths: Int32Array;
  /** Weights in units of 2^-22. Those of output position x start at `x * stride`. */
  readonly weights: Int32Array;
  /** Upper bound of the window lengths. */
  readonly stride: number;
}

/** Bits of the fraction: 32, less 8 for the pixel value and 2 of headroom for the filters' overshoot. */
export const fractionBits = 32 - 8 - 2;
const one = 1 << fractionBits;

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** Each filter's weight at distance `x`, in output pixels, or input pixels when enlarging. From `support` on it is 0. */
const filters = {
  bilinear: { support: 1, weight: (x: number) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    support: 2,
    weight(x: number) {
      const a = -0.5;
      const d = Math.abs(x);
      if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
    },
  },
  lanczos: { support: 3, weight: (x: number) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** The windows of output positions `begin <= x < end` when `from` input positions become `to` output positions. */
export function windowsOf(filter: ResampleFilter, from: number, to: number, begin: number, end: number): Windows {
  const scale = from / to;
  const count = end - begin;
  if (from === to || filter === "nearest") {
    const starts = new Int32Array(count);
    // Pillow adds up `scale`. (x + 0.5) * scale may differ in the last bit, and so pick the neighbouring pixel.
    for (let x = 0, center = scale / 2; x < end; x++, center += scale)
      if (x >= begin) starts[x - begin] = Math.min(Math.floor(center), from - 1);
    return { starts, lengths: new Int32Array(count).fill(1), weights: new Int32Array(count).fill(one), stride: 1 };
  }
  const { support, weight } = filters[filter];
  // When shrinking, the window grows with the scale, so that every input pixel counts.
  const stretch = Math.max(scale, 1);
  const stride = Math.ceil(2 * support * stretch) + 1;
  const windows = {
    starts: new Int32Array(count),
    lengths: new Int32Array(count),
    weights: new Int32Array(count * stride),
    stride,
  };
  const exact = new Float64Array(stride);
  for (let x = 0; x < count; x++) {
    const center = (begin + x + 0.5) * scale;
    const start = Math.max(Math.trunc(center - support * stretch + 0.5), 0);
    const length = Math.min(Math.trunc(center + support * stretch + 0.5), from) - start;
    let sum = 0;
    for (let i = 0; i < length; i++) sum += exact[i] = weight((start + i - center + 0.5) * (1 / stretch));
    for (let i = 0; i < length; i++) windows.weights[x * stride + i] = roundHalfAwayFromZero((exact[i]! / sum) * one);
    windows.starts[x] = start;
    windows.lengths[x] = length;
  }
  return windows;
}

const roundHalfAwayFromZero = (x: number): number => Math.trunc(x < 0 ? x - 0.5 : x + 0.5);

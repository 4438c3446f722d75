/** Bilinear interpolation along one axis, as PyTorch computes it. */

/** One output position: (1 - weight) x[low] + weight x[high]. */
export interface BilinearTap {
  readonly low: number;
  readonly high: number;
  readonly weight: number;
}

/** The taps of each of `size` output positions, of `length` input positions. Beyond the ends, the value of the end holds. */
export function bilinearTaps(length: number, size: number, alignCorners: boolean): readonly BilinearTap[] {
  const step = alignCorners ? (size > 1 ? (length - 1) / (size - 1) : 0) : length / size;
  return Array.from({ length: size }, (_, i) => {
    const at = Math.min(alignCorners ? i * step : Math.max((i + 0.5) * step - 0.5, 0), length - 1);
    const low = Math.floor(at);
    return { low, high: Math.min(low + 1, length - 1), weight: at - low };
  });
}

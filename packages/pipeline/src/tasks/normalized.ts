/** Vectors of length 1. */

/** x / |x|. A vector of length 0 has no direction and stays unchanged. */
export function normalized(x: Float32Array): Float32Array {
  const length = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
  return length > 0 ? x.map((value) => value / length) : x;
}

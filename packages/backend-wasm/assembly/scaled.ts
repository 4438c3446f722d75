/** Sums of products of 16-bit integers, and floats of such sums. */
import { put } from "./panels";

/** Adds products of neighbouring 16-bit integers, two to a sum. */
@inline
export function dot(x: v128, w: v128, sum: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(x, w));
}

/** Writes scale of the row * scale of the column * sum + bias, for the first `columns` of eight columns. */
@inline
export function putScaled(
  to: usize,
  s0: v128,
  s1: v128,
  xScale: usize,
  scale0: v128,
  scale1: v128,
  bias0: v128,
  bias1: v128,
  columns: i32,
): void {
  const own = v128.load32_splat(xScale);
  const low = f32x4.add(f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(s0), own), scale0), bias0);
  const high = f32x4.add(f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(s1), own), scale1), bias1);
  put(to, low, high, columns);
}

/** From sums of integers to floats. */
import { put } from "./panels";

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

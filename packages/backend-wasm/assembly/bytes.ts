/**
 * Products with weights of 8 bits, for engines and CPUs that multiply bytes by one instruction. It takes one operand with a
 * sign, the weights, and one of seven bits. So activations have 14 bits: 128 times a high byte, plus a low one. Each tile
 * takes the high bytes of its rows first, and the low ones then. The sums are those of quantized.ts, to the bit.
 */
import { putScaled } from "./scaled";

/** What is added to each activation, so that it has no sign. */
@inline
export const offset: i32 = 8192;

/**
 * Whether the relaxed dot product of bytes is one instruction. Without one for bytes, x86 has an instruction that adds pairs and
 * keeps the sums in 16 bits, and three are needed. Such sums end at 32,767. What it gives for a second operand of eight bits is
 * up to the engine, and tells them apart.
 */
export function multipliesBytes(): bool {
  if (!ASC_FEATURE_RELAXED_SIMD) return false;
  const sums = i32x4.relaxed_dot_i8x16_i7x16_add_s(i8x16.splat(127), i8x16.splat(-1), i32x4.splat(0));
  return i32x4.extract_lane(sums, 0) != 2 * 32767;
}

@inline
function dot(w: v128, x: v128, sum: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, sum) : sum;
}

/** Bytes in front of a panel's weights: -64 times the sum of each column, which takes the offset of the activations away. */
@inline
export const panelHead: usize = 32;

/** Rows of `bytesTile6`. */
@inline
export const bytesTileRows: i32 = 6;

/**
 * One row. It has its high bytes, as many as K, and its low ones behind. Behind its head, the panel has the four values of each of
 * its eight columns for each four of k.
 */
export function bytesTile1(
  x: usize,
  xStride: usize,
  panel: usize,
  xScale: usize,
  scale0: v128,
  scale1: v128,
  bias0: v128,
  bias1: v128,
  out: usize,
  columns: i32,
): void {
  let s00 = v128.load(panel);
  let s01 = v128.load(panel, 16);
  let x0 = x;
  const weights = panel + panelHead;
  const end = weights + (xStride << 2);
  for (let shift = 7; shift >= 0; shift -= 7) {
    for (let b = weights; b < end; b += 32) {
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      const p0 = v128.load32_splat(x0);
      s00 = dot(b0, p0, s00);
      s01 = dot(b1, p0, s01);
      x0 += 4;
    }
    s00 = i32x4.shl(s00, shift);
    s01 = i32x4.shl(s01, shift);
  }
  putScaled(out, s00, s01, xScale, scale0, scale1, bias0, bias1, columns);
}

/** Six rows. */
export function bytesTile6(
  x: usize,
  xStride: usize,
  panel: usize,
  xScale: usize,
  scale0: v128,
  scale1: v128,
  bias0: v128,
  bias1: v128,
  out: usize,
  outStride: usize,
  columns: i32,
): void {
  let s00 = v128.load(panel);
  let s01 = v128.load(panel, 16);
  let s10 = s00;
  let s11 = s01;
  let s20 = s00;
  let s21 = s01;
  let s30 = s00;
  let s31 = s01;
  let s40 = s00;
  let s41 = s01;
  let s50 = s00;
  let s51 = s01;
  let x0 = x;
  let x1 = x0 + xStride;
  let x2 = x1 + xStride;
  let x3 = x2 + xStride;
  let x4 = x3 + xStride;
  let x5 = x4 + xStride;
  const weights = panel + panelHead;
  const end = weights + (xStride << 2);
  for (let shift = 7; shift >= 0; shift -= 7) {
    for (let b = weights; b < end; b += 32) {
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      const p0 = v128.load32_splat(x0);
      s00 = dot(b0, p0, s00);
      s01 = dot(b1, p0, s01);
      const p1 = v128.load32_splat(x1);
      s10 = dot(b0, p1, s10);
      s11 = dot(b1, p1, s11);
      const p2 = v128.load32_splat(x2);
      s20 = dot(b0, p2, s20);
      s21 = dot(b1, p2, s21);
      const p3 = v128.load32_splat(x3);
      s30 = dot(b0, p3, s30);
      s31 = dot(b1, p3, s31);
      const p4 = v128.load32_splat(x4);
      s40 = dot(b0, p4, s40);
      s41 = dot(b1, p4, s41);
      const p5 = v128.load32_splat(x5);
      s50 = dot(b0, p5, s50);
      s51 = dot(b1, p5, s51);
      x0 += 4;
      x1 += 4;
      x2 += 4;
      x3 += 4;
      x4 += 4;
      x5 += 4;
    }
    s00 = i32x4.shl(s00, shift);
    s01 = i32x4.shl(s01, shift);
    s10 = i32x4.shl(s10, shift);
    s11 = i32x4.shl(s11, shift);
    s20 = i32x4.shl(s20, shift);
    s21 = i32x4.shl(s21, shift);
    s30 = i32x4.shl(s30, shift);
    s31 = i32x4.shl(s31, shift);
    s40 = i32x4.shl(s40, shift);
    s41 = i32x4.shl(s41, shift);
    s50 = i32x4.shl(s50, shift);
    s51 = i32x4.shl(s51, shift);
  }
  putScaled(out, s00, s01, xScale, scale0, scale1, bias0, bias1, columns);
  out += outStride;
  putScaled(out, s10, s11, xScale + 4, scale0, scale1, bias0, bias1, columns);
  out += outStride;
  putScaled(out, s20, s21, xScale + 8, scale0, scale1, bias0, bias1, columns);
  out += outStride;
  putScaled(out, s30, s31, xScale + 12, scale0, scale1, bias0, bias1, columns);
  out += outStride;
  putScaled(out, s40, s41, xScale + 16, scale0, scale1, bias0, bias1, columns);
  out += outStride;
  putScaled(out, s50, s51, xScale + 20, scale0, scale1, bias0, bias1, columns);
}

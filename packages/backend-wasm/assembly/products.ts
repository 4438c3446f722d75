/**
 * Products of matrices. The right operand is packed in panels of eight columns. Every output is one sum over k in
 * ascending order, whatever tile it is in, so a row gives the same bits in any batch.
 */
import { blockRowsOf, eight, put } from "./panels";
import { madd } from "./vector";

/** b [K, N], its rows `stride` bytes apart, into panels: ceil(N / 8) times [K, 8]. Columns beyond N are 0. */
export function packColumns(b: usize, stride: usize, K: i32, N: i32, packed: usize): void {
  let to = packed;
  for (let j = 0; j < N; j += 8) {
    const columns = min(8, N - j);
    let from = b + ((<usize>j) << 2);
    if (columns == 8) {
      for (let k = 0; k < K; k++, from += stride, to += 32) {
        v128.store(to, v128.load(from));
        v128.store(to, v128.load(from, 16), 16);
      }
    } else {
      for (let k = 0; k < K; k++, from += stride, to += 32) {
        memory.fill(to, 0, 32);
        memory.copy(to, from, (<usize>columns) << 2);
      }
    }
  }
}

/** b [N, K], its rows `stride` bytes apart, into the panels of its transpose. */
export function packRows(b: usize, stride: usize, K: i32, N: i32, packed: usize): void {
  for (let j = 0; j < N; j++) {
    let from = b + <usize>j * stride;
    let to = packed + ((<usize>(j >> 3) * <usize>K) << 5) + ((<usize>(j & 7)) << 2);
    for (let k = 0; k < K; k++, from += 4, to += 32) store<f32>(to, load<f32>(from));
  }
  if ((N & 7) == 0) return;
  let to = packed + ((<usize>(N >> 3) * <usize>K) << 5);
  for (let k = 0; k < K; k++, to += 32) memory.fill(to + ((<usize>(N & 7)) << 2), 0, (<usize>(8 - (N & 7))) << 2);
}

/**
 * out [M, N] = a [M, K] times packed b + bias. The strides are the bytes between rows of `a` and of `out`. A `bias`
 * at 0 is none.
 */
export function multiply(
  a: usize,
  aStride: usize,
  packed: usize,
  bias: usize,
  out: usize,
  outStride: usize,
  M: i32,
  N: i32,
  K: i32,
): void {
  const panelBytes = (<usize>K) << 5;
  const blockRows = blockRowsOf(M, <usize>K << 2);
  for (let block = 0; block < M; block += blockRows) {
    const end = min(block + blockRows, M);
    let panel = packed;
    for (let j = 0; j < N; j += 8, panel += panelBytes) {
      const columns = min(8, N - j);
      const biases = eight(bias == 0 ? 0 : bias + ((<usize>j) << 2), columns);
      const low = v128.load(biases);
      const high = v128.load(biases, 16);
      let i = block;
      let x = a + <usize>i * aStride;
      let to = out + <usize>i * outStride + ((<usize>j) << 2);
      if (ASC_FEATURE_RELAXED_SIMD)
        for (; i + 6 <= end; i += 6, x += 6 * aStride, to += 6 * outStride)
          tile6(x, aStride, panel, panelBytes, low, high, to, outStride, columns);
      for (; i + 4 <= end; i += 4, x += 4 * aStride, to += 4 * outStride)
        tile4(x, aStride, panel, panelBytes, low, high, to, outStride, columns);
      if (end - i > 1 && end >= 4) {
        // A tile over the last rows. To compute some of them twice takes less time than one by one, and gives the same
        // bits.
        x -= <usize>(i + 4 - end) * aStride;
        to -= <usize>(i + 4 - end) * outStride;
        tile4(x, aStride, panel, panelBytes, low, high, to, outStride, columns);
        i = end;
      }
      for (; i < end; i++, x += aStride, to += outStride) tile1(x, panel, panelBytes, low, high, to, columns);
    }
  }
}

function tile1(a: usize, panel: usize, panelBytes: usize, low: v128, high: v128, out: usize, columns: i32): void {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  const end = panel + panelBytes;
  for (let b = panel; b < end; b += 32, a += 4) {
    const x = v128.load32_splat(a);
    s0 = madd(x, v128.load(b), s0);
    s1 = madd(x, v128.load(b, 16), s1);
  }
  put(out, f32x4.add(s0, low), f32x4.add(s1, high), columns);
}

function tile4(
  a: usize,
  aStride: usize,
  panel: usize,
  panelBytes: usize,
  low: v128,
  high: v128,
  out: usize,
  outStride: usize,
  columns: i32,
): void {
  let s00 = f32x4.splat(0);
  let s01 = s00;
  let s10 = s00;
  let s11 = s00;
  let s20 = s00;
  let s21 = s00;
  let s30 = s00;
  let s31 = s00;
  let a0 = a;
  let a1 = a0 + aStride;
  let a2 = a1 + aStride;
  let a3 = a2 + aStride;
  const end = panel + panelBytes;
  for (let b = panel; b < end; b += 32, a0 += 4, a1 += 4, a2 += 4, a3 += 4) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const x0 = v128.load32_splat(a0);
    s00 = madd(x0, b0, s00);
    s01 = madd(x0, b1, s01);
    const x1 = v128.load32_splat(a1);
    s10 = madd(x1, b0, s10);
    s11 = madd(x1, b1, s11);
    const x2 = v128.load32_splat(a2);
    s20 = madd(x2, b0, s20);
    s21 = madd(x2, b1, s21);
    const x3 = v128.load32_splat(a3);
    s30 = madd(x3, b0, s30);
    s31 = madd(x3, b1, s31);
  }
  put(out, f32x4.add(s00, low), f32x4.add(s01, high), columns);
  put(out + outStride, f32x4.add(s10, low), f32x4.add(s11, high), columns);
  put(out + 2 * outStride, f32x4.add(s20, low), f32x4.add(s21, high), columns);
  put(out + 3 * outStride, f32x4.add(s30, low), f32x4.add(s31, high), columns);
}

/** Only with fused multiply-add: without it, the products need registers of their own, and sixteen are too few. */
function tile6(
  a: usize,
  aStride: usize,
  panel: usize,
  panelBytes: usize,
  low: v128,
  high: v128,
  out: usize,
  outStride: usize,
  columns: i32,
): void {
  let s00 = f32x4.splat(0);
  let s01 = s00;
  let s10 = s00;
  let s11 = s00;
  let s20 = s00;
  let s21 = s00;
  let s30 = s00;
  let s31 = s00;
  let s40 = s00;
  let s41 = s00;
  let s50 = s00;
  let s51 = s00;
  let a0 = a;
  let a1 = a0 + aStride;
  let a2 = a1 + aStride;
  let a3 = a2 + aStride;
  let a4 = a3 + aStride;
  let a5 = a4 + aStride;
  const end = panel + panelBytes;
  for (let b = panel; b < end; b += 32) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const x0 = v128.load32_splat(a0);
    s00 = madd(x0, b0, s00);
    s01 = madd(x0, b1, s01);
    const x1 = v128.load32_splat(a1);
    s10 = madd(x1, b0, s10);
    s11 = madd(x1, b1, s11);
    const x2 = v128.load32_splat(a2);
    s20 = madd(x2, b0, s20);
    s21 = madd(x2, b1, s21);
    const x3 = v128.load32_splat(a3);
    s30 = madd(x3, b0, s30);
    s31 = madd(x3, b1, s31);
    const x4 = v128.load32_splat(a4);
    s40 = madd(x4, b0, s40);
    s41 = madd(x4, b1, s41);
    const x5 = v128.load32_splat(a5);
    s50 = madd(x5, b0, s50);
    s51 = madd(x5, b1, s51);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    a4 += 4;
    a5 += 4;
  }
  put(out, f32x4.add(s00, low), f32x4.add(s01, high), columns);
  out += outStride;
  put(out, f32x4.add(s10, low), f32x4.add(s11, high), columns);
  out += outStride;
  put(out, f32x4.add(s20, low), f32x4.add(s21, high), columns);
  out += outStride;
  put(out, f32x4.add(s30, low), f32x4.add(s31, high), columns);
  out += outStride;
  put(out, f32x4.add(s40, low), f32x4.add(s41, high), columns);
  out += outStride;
  put(out, f32x4.add(s50, low), f32x4.add(s51, high), columns);
}

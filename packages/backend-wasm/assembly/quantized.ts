/**
 * Products with weights of 8 bits. Activations are quantised to 14 bits, row by row, to integers so small that no sum
 * of K products overflows 32 bits. Integer sums are exact, so they are the same in every tile and with every
 * instruction set. Here they are sums of 16-bit products, and in bytes.ts of products of bytes.
 */
import { bytesTile1, bytesTile6, bytesTileRows, offset, panelHead } from "./bytes";
import { activateRow } from "./elementwise";
import { blockRowsOf, eight } from "./panels";
import { dot, putScaled } from "./scaled";
import { groupsOf, multiplyGroups, rowsOfGroup, scratchOf } from "./strassen";
import { loadEnd, rounder } from "./vector";

/**
 * x [M, K] to integers [M, padded K], and a scale for each row: x = integer * scale. `largest` is the largest integer. K is
 * padded to `paddedK`, a multiple of 16, with zeros. An integer has 16 bits, or a high and a low byte if `bytes` is set.
 */
export function quantize(
  x: usize,
  M: i32,
  K: i32,
  paddedK: i32,
  largest: f32,
  out: usize,
  scales: usize,
  bytes: bool,
): void {
  const zero = f32x4.splat(0);
  const sizeBits = i32x4.splat(0x7fffffff);
  const full = K & -8;
  for (let row = 0; row < M; row++, x += <usize>K << 2, out += <usize>paddedK << 1, scales += 4) {
    // The bits of positive floats have the order of the floats, and NaN is above all.
    let most = zero;
    for (let k = 0; k < full; k += 8) {
      const from = x + (<usize>k << 2);
      most = i32x4.max_s(most, v128.and(v128.load(from), sizeBits));
      most = i32x4.max_s(most, v128.and(v128.load(from, 16), sizeBits));
    }
    const low = fourAt(x + (<usize>full << 2), K - full, zero);
    const high = fourAt(x + (<usize>full << 2) + 16, K - full - 4, zero);
    most = i32x4.max_s(most, v128.and(low, sizeBits));
    most = i32x4.max_s(most, v128.and(high, sizeBits));
    const magnitude = reinterpret<f32>(
      max(
        max(i32x4.extract_lane(most, 0), i32x4.extract_lane(most, 1)),
        max(i32x4.extract_lane(most, 2), i32x4.extract_lane(most, 3)),
      ),
    );
    // A row of zeros has any scale. The smallest normal number keeps its inverse finite.
    const scale = max<f32>(magnitude / largest, 1.1754943508222875e-38);
    store<f32>(scales, scale);
    const inverse = f32x4.splat(1 / scale);
    // A row that is not finite gets zeros, of which its scale makes NaN. strassen.ts adds rows up, and needs all in 14 bits.
    const kept = i32x4.splat(magnitude < Infinity ? -1 : 0);
    if (bytes) {
      for (let k = 0; k < full; k += 8) {
        const from = x + (<usize>k << 2);
        putBytes(out + k, eightWhole(v128.load(from), v128.load(from, 16), inverse, kept), paddedK);
      }
      if (full < K) putBytes(out + full, eightWhole(low, high, inverse, kept), paddedK);
      if (paddedK - K >= 8) putBytes(out + paddedK - 8, zero, paddedK);
    } else {
      for (let k = 0; k < full; k += 8) {
        const from = x + (<usize>k << 2);
        v128.store(out + (<usize>k << 1), eightWhole(v128.load(from), v128.load(from, 16), inverse, kept));
      }
      if (full < K) v128.store(out + (<usize>full << 1), eightWhole(low, high, inverse, kept));
      if (paddedK - K >= 8) v128.store(out + (<usize>(paddedK - 8) << 1), zero);
    }
  }
}

/** Bytes of scratch memory that `quantizeActivated` needs. */
export function activatedScratch(K: i32): usize {
  return <usize>K << 2;
}

/**
 * `quantize` of the activation of x: row by row, so that the floats between stay in the first-level cache. `kind` is that of
 * `activation`.
 */
export function quantizeActivated(
  x: usize,
  M: i32,
  K: i32,
  paddedK: i32,
  largest: f32,
  out: usize,
  scales: usize,
  bytes: bool,
  kind: i32,
  scratch: usize,
): void {
  for (let row = 0; row < M; row++, x += <usize>K << 2, out += <usize>paddedK << 1, scales += 4) {
    activateRow(x, scratch, K, kind);
    quantize(scratch, 1, K, paddedK, largest, out, scales, bytes);
  }
}

/** Two times four floats as 16-bit integers, with the bits of `kept`. */
@inline
function eightWhole(low: v128, high: v128, inverse: v128, kept: v128): v128 {
  return v128.and(i16x8.narrow_i32x4_s(whole(low, inverse), whole(high, inverse)), kept);
}

/** The high seven bits of eight integers, made positive, at `to`, and the low seven `stride` bytes behind. */
@inline
function putBytes(to: usize, integers: v128, stride: usize): void {
  const positive = i16x8.add(integers, i16x8.splat(<i16>offset));
  const high = i16x8.shr_u(positive, 7);
  const low = v128.and(positive, i16x8.splat(127));
  const both = i8x16.narrow_i16x8_u(high, low);
  v128.store64_lane(to, both, 0);
  v128.store64_lane(to + stride, both, 1);
}

/** x times `inverse` as whole numbers. */
@inline
function whole(x: v128, inverse: v128): v128 {
  const base = f32x4.splat(rounder);
  return i32x4.sub(f32x4.add(f32x4.mul(x, inverse), base), base);
}

/** Four floats of which `left` are there, and zeros behind. */
function fourAt(from: usize, left: i32, zero: v128): v128 {
  if (left >= 4) return v128.load(from);
  return left > 0 ? loadEnd(from, left, zero) : zero;
}

/** Bytes of scratch memory that `multiplyQuantized` needs. */
export function quantizedScratch(K: i32): usize {
  return scratchOf(K);
}

/**
 * out [M, N] = scale of the row * scale of the column * (x times packed weights) + bias. Rows of out are `outStride` bytes apart.
 * x [M, K] and `xScales` come from `quantize`, with K padded and the same `bytes`. The panels hold eight columns: for each pair of
 * k, the two values of each column side by side. With `bytes` they are those of bytes.ts. `groups` comes from `groupRows`; at 0 there
 * are none, and `scratch` is not used.
 */
export function multiplyQuantized(
  x: usize,
  xScales: usize,
  groups: usize,
  packed: usize,
  scales: usize,
  bias: usize,
  out: usize,
  outStride: usize,
  M: i32,
  N: i32,
  K: i32,
  bytes: bool,
  scratch: usize,
): void {
  if (bytes) return multiplyPanels(x, xScales, packed, scales, bias, out, outStride, M, N, K, true);
  let done = 0;
  if (groups != 0) {
    done = multiplyGroups(groups, xScales, packed, scales, bias, out, outStride, M, N, K, scratch);
    const first = M - 4;
    if (groupsOf(M) * rowsOfGroup < M)
      multiplyPairs(
        x + (<usize>first * <usize>K << 1),
        xScales + (<usize>first << 2),
        packed,
        scales,
        bias,
        out + <usize>first * outStride,
        outStride,
        4,
        done,
        K,
      );
  }
  const at = <usize>done << 2;
  const rest = packed + <usize>done * <usize>K;
  if (done < N)
    multiplyPairs(x, xScales, rest, scales + at, bias == 0 ? 0 : bias + at, out + at, outStride, M, N - done, K);
}

/** The same without groups, tile by tile. `bytes` is a constant where this stands, and decides while compiling. */
@inline
function multiplyPanels(
  x: usize,
  xScales: usize,
  packed: usize,
  scales: usize,
  bias: usize,
  out: usize,
  outStride: usize,
  M: i32,
  N: i32,
  K: i32,
  bytes: bool,
): void {
  const xStride = <usize>K << 1;
  const weightBytes = <usize>K << 3;
  const panelBytes = bytes ? weightBytes + panelHead : weightBytes;
  const tileRows = bytes ? bytesTileRows : 4;
  const blockRows = blockRowsOf(M, xStride);
  for (let block = 0; block < M; block += blockRows) {
    const end = min(block + blockRows, M);
    let panel = packed;
    for (let j = 0; j < N; j += 8, panel += panelBytes) {
      const columns = min(8, N - j);
      const at = <usize>j << 2;
      const ownScales = eight(scales + at, columns);
      const scale0 = v128.load(ownScales);
      const scale1 = v128.load(ownScales, 16);
      const biases = eight(bias == 0 ? 0 : bias + at, columns);
      const bias0 = v128.load(biases);
      const bias1 = v128.load(biases, 16);
      let i = block;
      while (end - i >= tileRows || (end - i > 1 && end >= tileRows)) {
        // As in products.ts: the last tile takes some rows for a second time.
        const first = min(i, end - tileRows);
        const from = x + <usize>first * xStride;
        const rows = xScales + (<usize>first << 2);
        const to = out + <usize>first * outStride + at;
        if (bytes) bytesTile6(from, xStride, panel, rows, scale0, scale1, bias0, bias1, to, outStride, columns);
        else tile4(from, xStride, panel, panelBytes, rows, scale0, scale1, bias0, bias1, to, outStride, columns);
        i = first + tileRows;
      }
      for (; i < end; i++) {
        const from = x + <usize>i * xStride;
        const row = xScales + (<usize>i << 2);
        const to = out + <usize>i * outStride + at;
        if (bytes) bytesTile1(from, xStride, panel, row, scale0, scale1, bias0, bias1, to, columns);
        else tile1(from, panel, panelBytes, row, scale0, scale1, bias0, bias1, to, columns);
      }
    }
  }
}

/** `multiplyPanels` with products of 16 bits. */
function multiplyPairs(
  x: usize,
  xScales: usize,
  packed: usize,
  scales: usize,
  bias: usize,
  out: usize,
  outStride: usize,
  M: i32,
  N: i32,
  K: i32,
): void {
  multiplyPanels(x, xScales, packed, scales, bias, out, outStride, M, N, K, false);
}

function tile1(
  x: usize,
  panel: usize,
  panelBytes: usize,
  xScale: usize,
  scale0: v128,
  scale1: v128,
  bias0: v128,
  bias1: v128,
  out: usize,
  columns: i32,
): void {
  let s0 = i32x4.splat(0);
  let s1 = s0;
  const end = panel + panelBytes;
  for (let b = panel; b < end; b += 16, x += 4) {
    const pair = v128.load32_splat(x);
    s0 = dot(pair, v128.load8x8_s(b), s0);
    s1 = dot(pair, v128.load8x8_s(b, 8), s1);
  }
  putScaled(out, s0, s1, xScale, scale0, scale1, bias0, bias1, columns);
}

function tile4(
  x: usize,
  xStride: usize,
  panel: usize,
  panelBytes: usize,
  xScale: usize,
  scale0: v128,
  scale1: v128,
  bias0: v128,
  bias1: v128,
  out: usize,
  outStride: usize,
  columns: i32,
): void {
  let s00 = i32x4.splat(0);
  let s01 = s00;
  let s10 = s00;
  let s11 = s00;
  let s20 = s00;
  let s21 = s00;
  let s30 = s00;
  let s31 = s00;
  let x0 = x;
  let x1 = x0 + xStride;
  let x2 = x1 + xStride;
  let x3 = x2 + xStride;
  const end = panel + panelBytes;
  for (let b = panel; b < end; b += 16, x0 += 4, x1 += 4, x2 += 4, x3 += 4) {
    const b0 = v128.load8x8_s(b);
    const b1 = v128.load8x8_s(b, 8);
    const p0 = v128.load32_splat(x0);
    s00 = dot(p0, b0, s00);
    s01 = dot(p0, b1, s01);
    const p1 = v128.load32_splat(x1);
    s10 = dot(p1, b0, s10);
    s11 = dot(p1, b1, s11);
    const p2 = v128.load32_splat(x2);
    s20 = dot(p2, b0, s20);
    s21 = dot(p2, b1, s21);
    const p3 = v128.load32_splat(x3);
    s30 = dot(p3, b0, s30);
    s31 = dot(p3, b1, s31);
  }
  putScaled(out, s00, s01, xScale, scale0, scale1, bias0, bias1, columns);
  putScaled(out + outStride, s10, s11, xScale + 4, scale0, scale1, bias0, bias1, columns);
  putScaled(out + 2 * outStride, s20, s21, xScale + 8, scale0, scale1, bias0, bias1, columns);
  putScaled(out + 3 * outStride, s30, s31, xScale + 12, scale0, scale1, bias0, bias1, columns);
}

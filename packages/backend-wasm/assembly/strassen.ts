/**
 * Products of integers by Strassen's algorithm in Winograd's form: seven products of halves in the place of eight. It is exact for
 * integers. Sums may leave 32 bits on the way, and come back.
 *
 * Eight rows of x are a group: A11 and A12 are the halves of the first four, A21 and A22 those of the last four. Two panels of
 * eight columns are B11 and B12, with B21 and B22 below.
 */
import { blockRowsOf } from "./panels";
import { dot, putScaled } from "./scaled";

/** Rows of a group. */
@inline
export const rowsOfGroup: i32 = 8;

/** Bytes of a group: seven sums of four rows and half of the columns. */
@inline
function groupBytes(K: i32): usize {
  return <usize>K * 28;
}

/** Groups of M rows. Up to four rows at the end belong to none. */
@inline
export function groupsOf(M: i32): i32 {
  return (M + 3) >> 3;
}

/** The first row of a group. The last one may share rows with the one before. */
@inline
function firstRowOf(group: i32, M: i32): i32 {
  return min(group * rowsOfGroup, M - rowsOfGroup);
}

/** Bytes at the start of the scratch memory: scales and biases of 16 columns, and four tiles of sums. */
@inline
const headBytes: usize = 128 + 5 * 128;

/** Bytes of scratch memory that `multiplyGroups` needs. */
@inline
export function scratchOf(K: i32): usize {
  return headBytes + <usize>K * 56;
}

/** The first two of four in a, then in b, and the last two. */
@inline
function evenly(a: v128, b: v128, second: bool): v128 {
  return second
    ? i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
    : i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
}

/** Four rows of eight integers: for each pair of k, the pairs of the four rows side by side. */
@inline
function interleave(x: usize, stride: usize, to: usize): void {
  const row0 = v128.load(x);
  const row1 = v128.load(x + stride);
  const row2 = v128.load(x + 2 * stride);
  const row3 = v128.load(x + 3 * stride);
  const a = evenly(row0, row1, false);
  const b = evenly(row2, row3, false);
  const c = evenly(row0, row1, true);
  const d = evenly(row2, row3, true);
  v128.store(to, i64x2.shuffle(a, b, 0, 2));
  v128.store(to, i64x2.shuffle(a, b, 1, 3), 16);
  v128.store(to, i64x2.shuffle(c, d, 0, 2), 32);
  v128.store(to, i64x2.shuffle(c, d, 1, 3), 48);
}

/**
 * The groups of x [M, K], 16-bit integers of at most 14 bits, so that sums of four fit. K is a multiple of 16. A group holds A11,
 * A12, A21 + A22 - A11, A11 - A21, A22, A21 + A22 and A12 + A11 - A21 - A22, in the order of their use.
 */
export function groupRows(x: usize, M: i32, K: i32, out: usize): void {
  const stride = <usize>K << 1;
  const part = <usize>K << 2;
  const groups = groupsOf(M);
  for (let group = 0; group < groups; group++, out += groupBytes(K)) {
    const upper = x + firstRowOf(group, M) * stride;
    const lower = upper + 4 * stride;
    let to = out;
    for (let k: usize = 0; k < <usize>K; k += 16, to += 64) {
      const sum = to + 5 * part;
      interleave(upper + k, stride, to);
      interleave(upper + k + <usize>K, stride, to + part);
      interleave(lower + k, stride, sum);
      interleave(lower + k + <usize>K, stride, to + 4 * part);
      for (let i: usize = 0; i < 64; i += 16) {
        const a11 = v128.load(to + i);
        const a21 = v128.load(sum + i);
        const below = i16x8.add(a21, v128.load(to + 4 * part + i));
        const difference = i16x8.sub(below, a11);
        v128.store(to + 2 * part + i, difference);
        v128.store(to + 3 * part + i, i16x8.sub(a11, a21));
        v128.store(sum + i, below);
        v128.store(to + 6 * part + i, i16x8.sub(v128.load(to + part + i), difference));
      }
    }
  }
}

/** The sums of two panels that belong to those of a group: B11, B21, T2, B22 - B12, B21 - T2, T1 and B22. */
function groupColumns(panel: usize, K: i32, to: usize): void {
  const half = <usize>K << 2;
  const part = <usize>K << 3;
  const next = panel + part;
  for (let k: usize = 0; k < half; k += 8, to += 16) {
    const b11 = v128.load8x8_s(panel + k);
    const b21 = v128.load8x8_s(panel + half + k);
    const b12 = v128.load8x8_s(next + k);
    const b22 = v128.load8x8_s(next + half + k);
    const t1 = i16x8.sub(b12, b11);
    const t2 = i16x8.sub(b22, t1);
    v128.store(to, b11);
    v128.store(to + part, b21);
    v128.store(to + 2 * part, t2);
    v128.store(to + 3 * part, i16x8.sub(b22, b12));
    v128.store(to + 4 * part, i16x8.sub(b21, t2));
    v128.store(to + 5 * part, t1);
    v128.store(to + 6 * part, b22);
  }
}

/**
 * As `multiplyQuantized`, for the rows that are in groups and for pairs of panels. Gives back the number of columns that it has
 * done: a last panel without a partner is left. `groups` comes from `groupRows`.
 */
export function multiplyGroups(
  groups: usize,
  xScales: usize,
  packed: usize,
  scales: usize,
  bias: usize,
  out: usize,
  outStride: usize,
  M: i32,
  N: i32,
  K: i32,
  scratch: usize,
): i32 {
  const pairBytes = <usize>K << 4;
  const biases = scratch + 64;
  const sums = scratch + 128;
  const weights = scratch + headBytes;
  memory.fill(sums + 512, 0, 128);
  const done = min(N, ((N + 7) >> 4) << 4);
  const number = groupsOf(M);
  const blockGroups = max(1, blockRowsOf(M, groupBytes(K) / rowsOfGroup) / rowsOfGroup);
  for (let block = 0; block < number; block += blockGroups) {
    const end = min(block + blockGroups, number);
    let pair = packed;
    for (let j = 0; j < done; j += 16, pair += pairBytes) {
      const columns = min(16, N - j);
      const at = <usize>j << 2;
      memory.copy(scratch, scales + at, <usize>columns << 2);
      if (bias != 0) memory.copy(biases, bias + at, <usize>columns << 2);
      else memory.fill(biases, 0, 64);
      groupColumns(pair, K, weights);
      let x = groups + <usize>block * groupBytes(K);
      for (let group = block; group < end; group++, x += groupBytes(K)) {
        const row = firstRowOf(group, M);
        const to = out + <usize>row * outStride + at;
        tile8(x, weights, K, sums, xScales + (<usize>row << 2), scratch, to, outStride, columns);
      }
    }
  }
  return done;
}

/** Eight rows and 16 columns. `scales` has those of the columns, and biases behind. */
function tile8(
  x: usize,
  weights: usize,
  K: i32,
  sums: usize,
  xScales: usize,
  scales: usize,
  out: usize,
  outStride: usize,
  columns: i32,
): void {
  const xPart = <usize>K << 2;
  const part = <usize>K << 3;
  const lower = out + 4 * outStride;
  const lowerScales = xScales + 16;
  const p1 = sums;
  const u2 = sums + 128;
  const u3 = sums + 256;
  const own = sums + 384;
  const zeros = sums + 512;
  accumulate(x, weights, part, zeros, p1);
  accumulate(x + xPart, weights + part, part, p1, own);
  putTile(own, 0, xScales, scales, out, outStride, 8);
  accumulate(x + 2 * xPart, weights + 2 * part, part, p1, u2);
  accumulate(x + 3 * xPart, weights + 3 * part, part, u2, u3);
  accumulate(x + 4 * xPart, weights + 4 * part, part, u3, own);
  putTile(own, 0, lowerScales, scales, lower, outStride, 8);
  accumulate(x + 5 * xPart, weights + 5 * part, part, zeros, own);
  putTile(own, u3, lowerScales, scales + 32, lower + 32, outStride, columns - 8);
  for (let i: usize = 0; i < 128; i += 16) v128.store(own + i, i32x4.add(v128.load(own + i), v128.load(u2 + i)));
  accumulate(x + 6 * xPart, weights + 6 * part, part, own, p1);
  putTile(p1, 0, xScales, scales + 32, out + 32, outStride, columns - 8);
}

/** Four rows times eight columns of `bytes` bytes, added to the sums at `from`, to the sums at `to`. */
function accumulate(x: usize, weights: usize, bytes: usize, from: usize, to: usize): void {
  let s00 = v128.load(from);
  let s01 = v128.load(from, 16);
  let s10 = v128.load(from, 32);
  let s11 = v128.load(from, 48);
  let s20 = v128.load(from, 64);
  let s21 = v128.load(from, 80);
  let s30 = v128.load(from, 96);
  let s31 = v128.load(from, 112);
  const end = weights + bytes;
  // Two pairs of k at a time, so that less of the time goes into addresses.
  for (let b = weights; b < end; b += 64, x += 32) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const p0 = v128.load32_splat(x);
    s00 = dot(p0, b0, s00);
    s01 = dot(p0, b1, s01);
    const p1 = v128.load32_splat(x, 4);
    s10 = dot(p1, b0, s10);
    s11 = dot(p1, b1, s11);
    const p2 = v128.load32_splat(x, 8);
    s20 = dot(p2, b0, s20);
    s21 = dot(p2, b1, s21);
    const p3 = v128.load32_splat(x, 12);
    s30 = dot(p3, b0, s30);
    s31 = dot(p3, b1, s31);
    const c0 = v128.load(b, 32);
    const c1 = v128.load(b, 48);
    const q0 = v128.load32_splat(x, 16);
    s00 = dot(q0, c0, s00);
    s01 = dot(q0, c1, s01);
    const q1 = v128.load32_splat(x, 20);
    s10 = dot(q1, c0, s10);
    s11 = dot(q1, c1, s11);
    const q2 = v128.load32_splat(x, 24);
    s20 = dot(q2, c0, s20);
    s21 = dot(q2, c1, s21);
    const q3 = v128.load32_splat(x, 28);
    s30 = dot(q3, c0, s30);
    s31 = dot(q3, c1, s31);
  }
  v128.store(to, s00);
  v128.store(to, s01, 16);
  v128.store(to, s10, 32);
  v128.store(to, s11, 48);
  v128.store(to, s20, 64);
  v128.store(to, s21, 80);
  v128.store(to, s30, 96);
  v128.store(to, s31, 112);
}

/** Writes four rows: the sums at `from`, and those at `plus`, if it is not 0. */
function putTile(
  from: usize,
  plus: usize,
  xScales: usize,
  scales: usize,
  out: usize,
  outStride: usize,
  columns: i32,
): void {
  const scale0 = v128.load(scales);
  const scale1 = v128.load(scales, 16);
  const bias0 = v128.load(scales, 64);
  const bias1 = v128.load(scales, 80);
  for (let row = 0; row < 4; row++, from += 32, xScales += 4, out += outStride) {
    let low = v128.load(from);
    let high = v128.load(from, 16);
    if (plus != 0) {
      low = i32x4.add(low, v128.load(plus + (<usize>row << 5)));
      high = i32x4.add(high, v128.load(plus + (<usize>row << 5), 16));
    }
    putScaled(out, low, high, xScales, scale0, scale1, bias0, bias1, columns);
  }
}

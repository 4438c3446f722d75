/**
 * Kernels that work along rows. The order of a row's sums depends on its length only, so a row gives the same bits in
 * any batch.
 */
import { exp, loadEnd, madd, maxOf, storeEnd, sumOf } from "./vector";

/** softmax(scale x + bias) of one row of `n`. `bias` at 0 is none. `out` may be `x`. */
export function softmaxRow(x: usize, out: usize, n: i32, scale: f32, bias: usize): void {
  const scales = f32x4.splat(scale);
  const lowest = f32x4.splat(<f32>-Infinity);
  const zero = f32x4.splat(0);
  const full = <usize>(n & -4) << 2;
  const end = n & 3;
  let most = lowest;
  for (let i: usize = 0; i < full; i += 16) {
    let value = f32x4.mul(v128.load(x + i), scales);
    if (bias != 0) value = f32x4.add(value, v128.load(bias + i));
    v128.store(out + i, value);
    // NaN is passed over here, and makes the sum NaN.
    most = f32x4.pmax(most, value);
  }
  let last = lowest;
  if (end != 0) {
    last = f32x4.mul(loadEnd(x + full, end, zero), scales);
    if (bias != 0) last = f32x4.add(last, loadEnd(bias + full, end, zero));
    storeEnd(out + full, last, end);
    last = loadEnd(out + full, end, lowest);
    most = f32x4.pmax(most, last);
  }
  const largest = f32x4.splat(maxOf(most));
  let sum = zero;
  for (let i: usize = 0; i < full; i += 16) {
    const e = exp(f32x4.sub(v128.load(out + i), largest));
    v128.store(out + i, e);
    sum = f32x4.add(sum, e);
  }
  if (end != 0) {
    storeEnd(out + full, exp(f32x4.sub(last, largest)), end);
    last = loadEnd(out + full, end, zero);
    sum = f32x4.add(sum, last);
  }
  const inverse = f32x4.splat(1 / sumOf(sum));
  for (let i: usize = 0; i < full; i += 16) v128.store(out + i, f32x4.mul(v128.load(out + i), inverse));
  if (end != 0) storeEnd(out + full, f32x4.mul(last, inverse), end);
}

/** The softmax of each of `rows` rows of `n`. */
export function softmax(x: usize, out: usize, rows: i32, n: i32): void {
  const stride = <usize>n << 2;
  for (let row = 0; row < rows; row++, x += stride, out += stride) softmaxRow(x, out, n, 1, 0);
}

/** The sum of a row. Four sums, because each step of one would wait for the step before. */
function total(x: usize, n: i32): f32 {
  let sum0 = f32x4.splat(0);
  let sum1 = sum0;
  let sum2 = sum0;
  let sum3 = sum0;
  let i: usize = 0;
  for (const full = <usize>(n & -16) << 2; i < full; i += 64) {
    sum0 = f32x4.add(sum0, v128.load(x + i));
    sum1 = f32x4.add(sum1, v128.load(x + i, 16));
    sum2 = f32x4.add(sum2, v128.load(x + i, 32));
    sum3 = f32x4.add(sum3, v128.load(x + i, 48));
  }
  for (const full = <usize>(n & -4) << 2; i < full; i += 16) sum0 = f32x4.add(sum0, v128.load(x + i));
  if ((n & 3) != 0) sum1 = f32x4.add(sum1, loadEnd(x + i, n & 3, f32x4.splat(0)));
  return sumOf(f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3)));
}

/** The sum of the squares of a row's elements, less `shift` each, as `total` sums. */
function squares(x: usize, n: i32, shift: f32): f32 {
  const shifts = f32x4.splat(shift);
  let sum0 = f32x4.splat(0);
  let sum1 = sum0;
  let sum2 = sum0;
  let sum3 = sum0;
  let i: usize = 0;
  for (const full = <usize>(n & -16) << 2; i < full; i += 64) {
    sum0 = squared(sum0, v128.load(x + i), shifts);
    sum1 = squared(sum1, v128.load(x + i, 16), shifts);
    sum2 = squared(sum2, v128.load(x + i, 32), shifts);
    sum3 = squared(sum3, v128.load(x + i, 48), shifts);
  }
  for (const full = <usize>(n & -4) << 2; i < full; i += 16) sum0 = squared(sum0, v128.load(x + i), shifts);
  if ((n & 3) != 0) sum1 = squared(sum1, loadEnd(x + i, n & 3, shifts), shifts);
  return sumOf(f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3)));
}

@inline
function squared(sum: v128, x: v128, shifts: v128): v128 {
  const value = f32x4.sub(x, shifts);
  return madd(value, value, sum);
}

/** Layer normalisation of each of `rows` rows of `n`. */
export function layerNorm(x: usize, weight: usize, bias: usize, out: usize, rows: i32, n: i32, epsilon: f32): void {
  const stride = <usize>n << 2;
  const full = <usize>(n & -4) << 2;
  const zero = f32x4.splat(0);
  for (let row = 0; row < rows; row++, x += stride, out += stride) {
    const mean = total(x, n) / <f32>n;
    const variance = squares(x, n, mean) / <f32>n;
    const inverse = f32x4.splat(1 / sqrt<f32>(variance + epsilon));
    const means = f32x4.splat(mean);
    for (let i: usize = 0; i < full; i += 16) {
      const value = f32x4.mul(f32x4.sub(v128.load(x + i), means), inverse);
      v128.store(out + i, madd(value, v128.load(weight + i), v128.load(bias + i)));
    }
    const end = n & 3;
    if (end != 0) {
      const value = f32x4.mul(f32x4.sub(loadEnd(x + full, end, zero), means), inverse);
      storeEnd(out + full, madd(value, loadEnd(weight + full, end, zero), loadEnd(bias + full, end, zero)), end);
    }
  }
}

/** The Euclidean length of each of `rows` rows of `n`. */
export function l2Norm(x: usize, out: usize, rows: i32, n: i32): void {
  for (let row = 0; row < rows; row++, x += <usize>n << 2, out += 4) store<f32>(out, sqrt<f32>(squares(x, n, 0)));
}

/** Divides each row by its sum (p = 1) or by its Euclidean length (p = 2). A row of zeros stays. */
export function lpNormalize(x: usize, out: usize, rows: i32, n: i32, p: i32): void {
  const stride = <usize>n << 2;
  const full = <usize>(n & -4) << 2;
  for (let row = 0; row < rows; row++, x += stride, out += stride) {
    let length = p == 1 ? total(x, n) : sqrt<f32>(squares(x, n, 0));
    if (length == 0) length = 1;
    const lengths = f32x4.splat(length);
    for (let i: usize = 0; i < full; i += 16) v128.store(out + i, f32x4.div(v128.load(x + i), lengths));
    if ((n & 3) != 0) storeEnd(out + full, f32x4.div(loadEnd(x + full, n & 3, lengths), lengths), n & 3);
  }
}

/**
 * Adds each of `rows` rows of `n`, times its weight, to the row of `out` that `destination` says. Rows whose
 * destination is not from 0 to `count` - 1 are dropped. `weights` at 0 are all 1.
 */
export function addRows(destination: usize, x: usize, weights: usize, out: usize, rows: i32, n: i32, count: i32): void {
  const stride = <usize>n << 2;
  const full = <usize>(n & -4) << 2;
  for (let row = 0; row < rows; row++, x += stride, destination += 4) {
    const target = load<f32>(destination);
    if (!(target >= 0 && target < <f32>count)) continue;
    const weight = weights == 0 ? <f32>1 : load<f32>(weights + (<usize>row << 2));
    const to = out + <usize>target * stride;
    const factor = f32x4.splat(weight);
    for (let i: usize = 0; i < full; i += 16)
      v128.store(to + i, f32x4.add(v128.load(to + i), f32x4.mul(v128.load(x + i), factor)));
    for (let i = full; i < stride; i += 4) store<f32>(to + i, load<f32>(to + i) + load<f32>(x + i) * weight);
  }
}

/** Divides each of `rows` rows of `n` by its own divisor. */
export function divideRows(x: usize, divisors: usize, rows: i32, n: i32): void {
  const stride = <usize>n << 2;
  const full = <usize>(n & -4) << 2;
  for (let row = 0; row < rows; row++, x += stride, divisors += 4) {
    const divisor = load<f32>(divisors);
    for (let i: usize = 0; i < full; i += 16)
      v128.store(x + i, f32x4.div(v128.load(x + i), f32x4.splat(divisor)));
    for (let i = full; i < stride; i += 4) store<f32>(x + i, load<f32>(x + i) / divisor);
  }
}

/** Activations and sums of `n` elements. */
import { exp, loadEnd, madd, storeEnd } from "./vector";

/** The constants of `tail`: 3, and the polynomial from the highest power down. Why they are loaded: vector.ts. */
@lazy
const constants = memory.data<f32>([
  3,
  5.3697414841735736e-5,
  1.1557069956324995e-4,
  -3.3950843499042094e-4,
  -9.837821125984192e-4,
  2.90456460788846e-3,
  6.13207696005702e-3,
  -4.6213291585445404e-2,
  0.12322503328323364,
  -0.20640261471271515,
  0.12151394784450531,
  -0.5,
]);

/** Two neighbouring coefficients, the first of which is multiplied by u. */
@inline
function pair(u: v128, first: usize): v128 {
  return madd(u, v128.load32_splat(constants + first), v128.load32_splat(constants + first + 4));
}

/**
 * The normal distribution's tail beyond |x|: exp(-x^2 / 2) p(u) with u = (|x| - 3) / (|x| + 3). The polynomial was
 * fitted to the quotient, with a relative error of 1e-8. In float32 the tail is right to 6e-7 of its own size, so
 * small values of GELU keep their digits.
 */
@inline
function tail(x: v128): v128 {
  const size = f32x4.abs(x);
  const three = v128.load32_splat(constants);
  const u = f32x4.div(f32x4.sub(size, three), f32x4.add(size, three));
  // In pairs, as in `exp`.
  const square = f32x4.mul(u, u);
  const fourth = f32x4.mul(square, square);
  const eighth = pair(u, 4);
  const middle = madd(pair(u, 12), square, pair(u, 20));
  const low = madd(pair(u, 28), square, pair(u, 36));
  const p = madd(madd(eighth, fourth, middle), fourth, low);
  return f32x4.mul(p, exp(f32x4.mul(f32x4.mul(size, size), v128.load32_splat(constants, 44))));
}

/** x / (1 + e^(-factor x)). */
@inline
function gated(x: v128, gate: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(x, f32x4.add(exp(f32x4.neg(gate)), one));
}

/** In the order of the list in kernels.ts. */
@inline
function activated(x: v128, kind: i32): v128 {
  if (kind == 0) {
    // gelu: x times the normal distribution's mass below x
    const beyond = tail(x);
    const mass = v128.bitselect(beyond, f32x4.sub(f32x4.splat(1), beyond), f32x4.lt(x, f32x4.splat(0)));
    return f32x4.mul(x, mass);
  }
  if (kind == 1) {
    // gelu_tanh: (1 + tanh y) / 2 = 1 / (1 + e^(-2 y)) with y = sqrt(2 / pi) (x + 0.044715 x^3)
    const cubic = madd(f32x4.mul(f32x4.mul(x, x), x), f32x4.splat(0.044715), x);
    return gated(x, f32x4.mul(cubic, f32x4.splat(1.5957691216057308)));
  }
  if (kind == 2) return gated(x, f32x4.mul(x, f32x4.splat(1.702)));
  if (kind == 3) return f32x4.max(x, f32x4.splat(0));
  return gated(x, x);
}

export function activation(x: usize, out: usize, n: i32, kind: i32): void {
  switch (kind) {
    case 0:
      return along(x, out, n, 0);
    case 1:
      return along(x, out, n, 1);
    case 2:
      return along(x, out, n, 2);
    case 3:
      return along(x, out, n, 3);
    default:
      return along(x, out, n, 4);
  }
}

/**
 * The constants of `nearGelu`: 0.5, the range, and the numerator and denominator from the highest power down. Fitted to the normal
 * distribution's mass below x, less a half, over x.
 */
@lazy
const nearConstants = memory.data<f32>([
  0.5,
  5,
  5.163631612958852e-6,
  0.000268964737188071,
  0.0052174110896885395,
  0.04544035345315933,
  0.3989420533180237,
  4.5939867732158746e-7,
  9.672883606981486e-5,
  0.002437801565974951,
  0.03484606370329857,
  0.28056496381759644,
  1,
]);

/** p t + the next coefficient. */
@inline
function next(p: v128, t: v128, coefficient: usize): v128 {
  return madd(p, t, v128.load32_splat(nearConstants + coefficient));
}

/**
 * GELU to 4e-7 of |x|, in half the time of `activated`. What follows must be coarser: integers of 14 bits are. Small values of
 * negative x lose their digits.
 */
@inline
export function nearGelu(x: v128): v128 {
  const half = v128.load32_splat(nearConstants);
  const most = v128.load32_splat(nearConstants, 4);
  // pmin and pmax take their first operand unless the second is beyond it, so NaN stays.
  const within = f32x4.pmax(f32x4.pmin(x, most), f32x4.neg(most));
  const t = f32x4.mul(within, within);
  let p = next(v128.load32_splat(nearConstants, 8), t, 12);
  p = next(next(next(p, t, 16), t, 20), t, 24);
  let q = next(v128.load32_splat(nearConstants, 28), t, 32);
  q = next(next(next(next(q, t, 36), t, 40), t, 44), t, 48);
  return f32x4.mul(x, f32x4.add(half, f32x4.div(f32x4.mul(within, p), q)));
}

/** One row of `n` for `quantizeActivated`: as `activation`, but GELU is `nearGelu`. */
export function activateRow(x: usize, out: usize, n: i32, kind: i32): void {
  if (kind != 0) return activation(x, out, n, kind);
  const full = <usize>(n & -4) << 2;
  for (let i: usize = 0; i < full; i += 16) v128.store(out + i, nearGelu(v128.load(x + i)));
  const end = n & 3;
  if (end != 0) storeEnd(out + full, nearGelu(loadEnd(x + full, end, f32x4.splat(0))), end);
}

/** Inlined for each kind, so that the loops have no branches. */
@inline
function along(x: usize, out: usize, n: i32, kind: i32): void {
  const full = <usize>(n & -4) << 2;
  for (let i: usize = 0; i < full; i += 16) v128.store(out + i, activated(v128.load(x + i), kind));
  const end = n & 3;
  if (end != 0) storeEnd(out + full, activated(loadEnd(x + full, end, f32x4.splat(0)), kind), end);
}

/**
 * The pixels of windows that lie side by side and fill the image [channels, rows * height, columns * width]:
 * out [rows * columns, channels * height * width]. `width` is a multiple of 4.
 */
export function cutPatches(
  x: usize,
  out: usize,
  channels: i32,
  rows: i32,
  columns: i32,
  height: i32,
  width: i32,
): void {
  const span = <usize>width << 2;
  const line = <usize>columns * span;
  const channelBytes = <usize>(rows * height) * line;
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const first = x + <usize>(row * height) * line + <usize>column * span;
      for (let channel = 0; channel < channels; channel++) {
        let from = first + <usize>channel * channelBytes;
        for (let y = 0; y < height; y++, from += line, out += span)
          for (let i: usize = 0; i < span; i += 16) v128.store(out + i, v128.load(from + i));
      }
    }
}

/** out = a + b. */
export function add(a: usize, b: usize, out: usize, n: i32): void {
  const full = <usize>(n & -4) << 2;
  for (let i: usize = 0; i < full; i += 16) v128.store(out + i, f32x4.add(v128.load(a + i), v128.load(b + i)));
  for (let i = full; i < <usize>n << 2; i += 4) store<f32>(out + i, load<f32>(a + i) + load<f32>(b + i));
}

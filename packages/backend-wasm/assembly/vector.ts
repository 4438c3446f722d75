/** Helpers on vectors of four floats. */

/** a * b + c, in one rounding where the instruction exists. */
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** 64 bytes that are this thread's alone, where the ends of rows are put together for a moment. */
@external("env", "spare")
export declare const spare: usize;

/** The `count` < 4 floats at `from`, and `fill` behind them. */
export function loadEnd(from: usize, count: i32, fill: v128): v128 {
  v128.store(spare, fill);
  memory.copy(spare, from, <usize>count << 2);
  return v128.load(spare);
}

/** Writes the first `count` < 4 floats of `value`. */
export function storeEnd(to: usize, value: v128, count: i32): void {
  v128.store(spare, value);
  memory.copy(to, spare, <usize>count << 2);
}

@inline
export function sumOf(x: v128): f32 {
  return (
    f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3))
  );
}

@inline
export function maxOf(x: v128): f32 {
  return max(
    max(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    max(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

/** 1.5 times 2^23. The sum of it and a number below 2^22 is rounded to a whole number, which its lowest bits hold. */
@inline
export const rounder: f32 = 12582912;

/** e^x. Below -87.33 it is 0, above 88.8 infinite. The error is at most 2 units in the last place. */
@inline
export function exp(x: v128): v128 {
  // pmin takes its first operand unless the second is less, so NaN stays.
  const limited = f32x4.pmin(x, f32x4.splat(88.8));
  // x = n ln 2 + r. ln 2 is split into a part of few bits, whose product with n is exact, and the rest.
  const rounded = f32x4.add(f32x4.mul(limited, f32x4.splat(1.4426950408889634)), f32x4.splat(rounder));
  const n = f32x4.sub(rounded, f32x4.splat(rounder));
  const high = f32x4.sub(limited, f32x4.mul(n, f32x4.splat(0.693359375)));
  const r = f32x4.sub(high, f32x4.mul(n, f32x4.splat(-2.12194440054690583e-4)));
  let p = madd(f32x4.splat(1 / 5040.0), r, f32x4.splat(1 / 720.0));
  p = madd(p, r, f32x4.splat(1 / 120.0));
  p = madd(p, r, f32x4.splat(1 / 24.0));
  p = madd(p, r, f32x4.splat(1 / 6.0));
  p = madd(p, r, f32x4.splat(0.5));
  p = f32x4.add(madd(f32x4.mul(r, r), p, r), f32x4.splat(1));
  // 2^n by its bits. n = 128 gives infinity.
  const power = i32x4.add(i32x4.shl(rounded, 23), i32x4.splat(127 << 23));
  return v128.andnot(f32x4.mul(p, power), f32x4.lt(x, f32x4.splat(-87.33)));
}

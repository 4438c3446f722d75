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

/**
 * The constants of `exp`, in the order of their use. They are loaded, because engines put a constant vector together from
 * two 64-bit numbers wherever it is used, and `exp` would take longer for that than for its sums.
 */
@lazy
const constants = memory.data<f32>([
  88.8,
  1.4426950408889634,
  rounder,
  // ln 2 in a part of few bits, whose products with whole numbers are exact, and the rest.
  0.693359375,
  -2.12194440054690583e-4,
  1 / 5040.0,
  1 / 720.0,
  1 / 120.0,
  1 / 24.0,
  1 / 6.0,
  0.5,
  1,
  -87.33,
]);

/** e^x. Below -87.33 it is 0, above 88.8 infinite. The error is at most 2 units in the last place. */
@inline
export function exp(x: v128): v128 {
  // pmin takes its first operand unless the second is less, so NaN stays.
  const limited = f32x4.pmin(x, v128.load32_splat(constants));
  // x = n ln 2 + r.
  const rounds = v128.load32_splat(constants, 8);
  const rounded = f32x4.add(f32x4.mul(limited, v128.load32_splat(constants, 4)), rounds);
  const n = f32x4.sub(rounded, rounds);
  const high = f32x4.sub(limited, f32x4.mul(n, v128.load32_splat(constants, 12)));
  const r = f32x4.sub(high, f32x4.mul(n, v128.load32_splat(constants, 16)));
  // In pairs, because each step of one long sum would wait for the step before.
  const square = f32x4.mul(r, r);
  let p = madd(r, v128.load32_splat(constants, 20), v128.load32_splat(constants, 24));
  p = madd(p, square, madd(r, v128.load32_splat(constants, 28), v128.load32_splat(constants, 32)));
  p = madd(p, square, madd(r, v128.load32_splat(constants, 36), v128.load32_splat(constants, 40)));
  p = f32x4.add(madd(square, p, r), v128.load32_splat(constants, 44));
  // 2^n by its bits. n = 128 gives infinity.
  const power = i32x4.shl(i32x4.add(rounded, i32x4.splat(127)), 23);
  return v128.andnot(f32x4.mul(p, power), f32x4.lt(x, v128.load32_splat(constants, 48)));
}

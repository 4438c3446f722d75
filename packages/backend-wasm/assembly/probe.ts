/** Has the instructions that set the two sets apart, and little else: an engine that validates it has the rest too. */
export function probe(x: f32): i32 {
  const floats = f32x4.splat(x);
  const bytes = i8x16.splat(1);
  const sums = ASC_FEATURE_RELAXED_SIMD
    ? i32x4.relaxed_dot_i8x16_i7x16_add_s(bytes, f32x4.relaxed_madd(floats, floats, floats), bytes)
    : i32x4.dot_i16x8_s(bytes, floats);
  return i32x4.extract_lane(sums, 0);
}

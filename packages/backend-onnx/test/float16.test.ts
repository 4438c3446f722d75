/** Tests the conversion to half precision on all halves, and on what lies between them. */
import { expect, test } from "vitest";
import { toFloat16 } from "../src/float16.js";

/** The value of a half's bits, from the definition. */
function floatOf(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

test("every half is converted to itself, and a number between two to the nearer one, a middle to the even one", () => {
  for (const sign of [0, 0x8000]) {
    const bits = Array.from({ length: 0x7c00 }, (_, i) => sign | i);
    expect([...toFloat16(Float32Array.from(bits, floatOf))]).toEqual(bits);
    // The last one lies between the largest half and 2^16, from which on numbers become infinite.
    const middles = Float32Array.from(bits, (half, i) => {
      const next = i === 0x7bff ? (sign ? -1 : 1) * 2 ** 16 : floatOf(half + 1);
      return (floatOf(half) + next) / 2;
    });
    expect([...toFloat16(middles)]).toEqual(bits.map((half) => half + (half & 1)));
    const patterns = new Uint32Array(middles.buffer);
    for (const step of [-1, 1]) {
      const beside = new Float32Array(patterns.map((pattern) => pattern + step).buffer);
      expect([...toFloat16(beside)]).toEqual(bits.map((half) => half + Math.max(step, 0)));
    }
  }
});

test("what is too large is infinite, and what is no number stays none", () => {
  const values = Float32Array.of(1e6, -1e6, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e-9, -1e-45);
  expect([...toFloat16(values)]).toEqual([0x7c00, 0xfc00, 0x7c00, 0xfc00, 0, 0x8000]);
  expect(floatOf(toFloat16(Float32Array.of(Number.NaN))[0]!)).toBeNaN();
});

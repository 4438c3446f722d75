import { expect, it } from "vitest";
import { median, quantile } from "../src/statistics.js";

it("a quantile is the smallest value that so many do not exceed", () => {
  expect([0, 0.5, 1].map((q) => quantile([5, 1, 3], q))).toEqual([1, 3, 5]);
  expect(quantile([5, 1, 4, 2, 3], 0.9)).toBe(5);
  expect(quantile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], 0.9)).toBe(9);
});

it("a median lies in the middle, of an even number between the two middle values", () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2])]).toEqual([2, 2.5]);
});

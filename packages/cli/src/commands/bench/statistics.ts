/** Order statistics of measured times, and numbers as they are shown. */

/** The value that a share `q` of `values` lies below. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Median over the rounds of ratios between turns that were neighbours in time: what slows both does not show. */
export const medianRatio = (numerators: readonly number[], denominators: readonly number[]): number =>
  median(numerators.map((value, round) => value / denominators[round]!));

/** Half the distance between the quartiles, relative to the median: how far apart equal turns lie. */
export const spread = (values: readonly number[]): number =>
  (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / median(values);

/** Three digits, or all before the point: 0.0123, 12.3, 1234. */
export const threeDigits = (value: number): string => (value < 100 ? value.toPrecision(3) : value.toFixed(0));

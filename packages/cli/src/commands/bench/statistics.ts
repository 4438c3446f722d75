/** Statistics of turns, and how numbers are shown. */
import { median, quantile } from "@ppt-vit/pipeline";

/**
 * Median and quartiles, over the rounds, of the ratios between two turns of the same round. The turns of a round are
 * neighbours in time, so what slows both of them does not show.
 */
export function ratioOfTurns(
  numerators: readonly number[],
  denominators: readonly number[],
): { readonly median: number; readonly quartiles: readonly [number, number] } {
  const ratios = numerators.map((value, round) => value / denominators[round]!);
  return { median: median(ratios), quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)] };
}

/** Half the distance between the quartiles over the median: how far apart repeated turns lie. */
export const spread = (values: readonly number[]): number =>
  (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / median(values);

/** Three significant digits, and every digit before the point: 0.0123, 12.3, 1234. */
export const threeDigits = (value: number): string => (value < 100 ? value.toPrecision(3) : value.toFixed(0));

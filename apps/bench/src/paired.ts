/** How much faster one of two contenders is that took turns: an estimate with an interval, and what may be said of it. */
import { median } from "@ppt-vit/pipeline/browser";

/** `noisy`: the interval is too wide for a figure. `same`: it contains 1, and is narrow. */
export type Verdict = "faster" | "slower" | "same" | "noisy";

export interface Estimate {
  /** Median of the ratios of the pairs: how many times as fast the second contender is. */
  readonly ratio: number;
  /** Bounds of the interval that holds the true median in at least 95 of 100 such measurements. */
  readonly low: number;
  readonly high: number;
  readonly pairs: number;
  readonly verdict: Verdict;
}

/** An interval of 95 % needs this many pairs: of five, all lie on one side of the median in 1 of 16 measurements. */
export const leastPairs = 6;

/** A wider interval gives no figure: its bounds differ by a quarter. */
const widest = 1.25;

/**
 * Both lists have the time of one run each per turn. The interval lies between order statistics of the ratios, which assumes nothing
 * about how times scatter: the k-th of n from both ends holds the median with probability 1 - 2 P(Binomial(n, 1/2) < k).
 * @returns undefined if there are too few pairs
 */
export function pairedEstimate(firstMs: readonly number[], secondMs: readonly number[]): Estimate | undefined {
  const pairs = Math.min(firstMs.length, secondMs.length);
  if (pairs < leastPairs) return undefined;
  const ratios = Array.from({ length: pairs }, (_, i) => firstMs[i]! / secondMs[i]!).sort((a, b) => a - b);
  const k = outermost(pairs);
  const [low, high] = [ratios[k - 1]!, ratios[pairs - k]!];
  return { ratio: median(ratios), low, high, pairs, verdict: verdictOf(low, high) };
}

function verdictOf(low: number, high: number): Verdict {
  if (!(high / low <= widest)) return "noisy";
  if (low > 1) return "faster";
  return high < 1 ? "slower" : "same";
}

/** The greatest k for which P(Binomial(n, 1/2) < k) is at most 2.5 %. */
function outermost(n: number): number {
  // P(Binomial = k), from 2^-n upwards.
  let term = 0.5 ** n;
  let below = 0;
  for (let k = 0; k < n; k++) {
    below += term;
    if (below > 0.025) return Math.max(1, k);
    term *= (n - k) / (k + 1);
  }
  return 1;
}

/** `1.42×` */
export const times = (ratio: number): string => `${ratio.toFixed(2)}×`;

/** The estimate as a sentence for everybody, without a full stop. */
export function inWords({ ratio, verdict }: Estimate): string {
  if (verdict === "faster") return `${ratio.toFixed(ratio < 10 ? 1 : 0)}× as fast on this machine`;
  if (verdict === "slower") return `slower on this machine (${ratio.toFixed(2)}× as fast)`;
  if (verdict === "same") return "about as fast on this machine";
  return "too noisy here to tell its speed";
}

/** The interval and where it comes from, for those who want to know. */
export const intervalInWords = ({ low, high, pairs }: Estimate): string =>
  `95 % interval ${low.toFixed(2)} to ${high.toFixed(2)}, ${pairs} pairs of runs that took turns`;

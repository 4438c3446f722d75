/** How far two models' answers are apart, and the confidence interval of a share. */

/** log softmax of one picture's logits, divided by a temperature. */
function logProbabilities(logits: ArrayLike<number>, temperature: number): number[] {
  const values = Array.from(logits, (logit) => logit / temperature);
  const highest = Math.max(...values);
  const logSum = highest + Math.log(values.reduce((sum, logit) => sum + Math.exp(logit - highest), 0));
  return values.map((logit) => logit - logSum);
}

/** Kullback-Leibler divergence KL(softmax(reference / temperature) || softmax(logits / temperature)), in nats. */
export function divergence(reference: ArrayLike<number>, logits: ArrayLike<number>, temperature = 1): number {
  const p = logProbabilities(reference, temperature);
  const q = logProbabilities(logits, temperature);
  return p.reduce((sum, logP, i) => sum + Math.exp(logP) * (logP - q[i]!), 0);
}

/**
 * Cosine of the angle between two vectors. Two vectors of zeros have the same direction; one of zeros has none in common with any
 * other.
 */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [product, squaresOfA, squaresOfB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i]! * b[i]!;
    squaresOfA += a[i]! * a[i]!;
    squaresOfB += b[i]! * b[i]!;
  }
  if (squaresOfA === 0 || squaresOfB === 0) return squaresOfA === squaresOfB ? 1 : 0;
  return Math.min(1, Math.max(-1, product / Math.sqrt(squaresOfA) / Math.sqrt(squaresOfB)));
}

/** Index of the largest value; the first of several. */
export function bestClass(logits: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i;
  return best;
}

/** An interval of shares. */
export type Interval = readonly [low: number, high: number];

/**
 * The Clopper-Pearson interval of a share, of which `count` of `total` were observed. It is exact: never too narrow.
 */
export function shareInterval(count: number, total: number, confidence = 0.95): Interval {
  const tail = (1 - confidence) / 2;
  const low = count === 0 ? 0 : bisect((p) => 1 - binomialBelow(count, total, p) < tail);
  const high = count === total ? 1 : bisect((p) => binomialBelow(count + 1, total, p) > tail);
  return [low, high];
}

/** Probability of fewer than `count` hits in `total`, each with probability p. */
function binomialBelow(count: number, total: number, p: number): number {
  let logTerm = total * Math.log1p(-p);
  let sum = 0;
  for (let k = 0; k < count; k++) {
    sum += Math.exp(logTerm);
    logTerm += Math.log((total - k) / (k + 1)) + Math.log(p) - Math.log1p(-p);
  }
  return sum;
}

/** The value between 0 and 1 at which `isBelow` turns false. */
function bisect(isBelow: (p: number) => boolean): number {
  let [low, high] = [0, 1];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (isBelow(middle)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Number of resamplings. */
const resamplings = 1000;

/**
 * The means of lists of equal length over the same elements drawn with replacement, once for each resampling: the lists are resampled
 * together, so that a hard picture counts in all of them or in none. The draws are the same in every call.
 */
export function bootstrapMeans(lists: readonly (readonly number[])[]): number[][] {
  const { length } = lists[0]!;
  // Numerical Recipes' linear congruential generator. Its upper bits are good enough for this.
  let state = 1;
  const draw = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * length);
  };
  return Array.from({ length: resamplings }, () => {
    const drawn = Array.from({ length }, draw);
    return lists.map((values) => drawn.reduce((sum, i) => sum + values[i]!, 0) / length);
  });
}

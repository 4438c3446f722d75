/** How strongly a schedule has to reduce for a budget. */

/** The least strength from 0 to 1 that is within the budget, to 2^-`bits`. Cost falls as strength grows, and 1 is taken to be within. */
export function weakest(isBeyond: (strength: number) => boolean, bits: number): number {
  let [weak, strong] = [0, 1];
  for (let bit = 0; bit < bits; bit++) {
    const middle = (weak + strong) / 2;
    if (isBeyond(middle)) weak = middle;
    else strong = middle;
  }
  return strong;
}

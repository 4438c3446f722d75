/** The axes of plots: their bounds and their round numbers. */

/** The bounds of a logarithmic axis: with room on both sides, and at least a factor of 2 apart. */
export function logDomain(values: readonly number[]): [number, number] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = Math.max(1.15, Math.sqrt(2 / (most / least)));
  return [least / room, most * room];
}

/** Round numbers between the bounds, as many as fit into `pixels`. */
export function ticksOf(from: number, to: number, logarithmic: boolean, pixels: number): number[] {
  const most = Math.max(2, Math.floor(pixels / 56));
  if (!logarithmic) {
    const step =
      [0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500].find((one) => (to - from) / one <= most) ?? 1000;
    return Array.from({ length: Math.floor(to / step) + 1 }, (_, i) => Number((i * step).toPrecision(3)));
  }
  for (const digits of [[1, 1.5, 2, 3, 4, 5, 6, 8], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]]) {
    const ticks: number[] = [];
    for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++)
      for (const digit of digits) ticks.push(Number((digit * 10 ** power).toPrecision(3)));
    const within = ticks.filter((tick) => tick >= from && tick <= to);
    if (within.length <= most && within.length > 0) return within;
  }
  return [];
}

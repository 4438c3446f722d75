/** Parsers for numbers in options. Each throws InvalidArgumentError, which Commander reports with the option's name. */
import { InvalidArgumentError } from "commander";

/** Parses a whole number from `least` to `most`. */
export function count(least: number, most = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(
        `expected a whole number of at least ${least}${most < Number.MAX_SAFE_INTEGER ? `, at most ${most}` : ""}.`,
      );
    return value;
  };
}

/** Parses a finite number above 0. */
export const positive = (text: string): number => {
  const value = Number(text);
  if (text.trim() === "" || !(value > 0) || !Number.isFinite(value))
    throw new InvalidArgumentError("expected a number above 0.");
  return value;
};

/** Parses a share: `1%` or `0.01`. */
export function share(text: string): number {
  const value = text.trim().endsWith("%") ? Number(text.trim().slice(0, -1)) / 100 : Number(text);
  if (text.trim() === "" || text.trim() === "%" || !(value >= 0 && value < 1))
    throw new InvalidArgumentError("expected a share such as 1% or 0.01.");
  return value;
}

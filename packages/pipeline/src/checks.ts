/** Checks that the options of several rooms share. */
import { type Check, check } from "@ppt-vit/core/options";

/** Also the empty one. */
export const anyText: Check = check("a text", (value) => typeof value === "string");

/** `Infinity` means no limit. */
export const limit: Check = check("a number above 0", (value) => typeof value === "number" && value > 0);

/** One of several checks, under a name of their own. */
export const either = (expected: string, ...checks: readonly Check[]): Check =>
  check(expected, (value) => checks.some(({ holds }) => holds(value)));

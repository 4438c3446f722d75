/** Compares the settings of two runs. */
import { cut } from "./quoted.js";

/** JSON with sorted fields, so that equal objects give equal texts. */
const canonical = (value: unknown): string =>
  JSON.stringify(value ?? null, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );

/** The longest value of a setting in a message, in characters. */
const mostShown = 200;

/** The settings in which two evaluations differ, each with both values. */
export function differences(a: Record<string, unknown>, b: Record<string, unknown>): string[] {
  const show = (value: unknown) => cut(JSON.stringify(value ?? null), mostShown);
  return Object.keys({ ...a, ...b })
    .filter((key) => canonical(a[key]) !== canonical(b[key]))
    .map((key) => `${key} ${show(a[key])} there, ${show(b[key])} here`);
}

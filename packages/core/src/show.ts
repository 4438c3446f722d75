/** A value of unknown origin as an error message shows it: never throws, never long. */
export function show(value: unknown): string {
  let text: string;
  try {
    // JSON has no NaN and no Infinity.
    text = (typeof value === "number" ? undefined : JSON.stringify(value)) ?? String(value);
  } catch {
    text = "a value that is no JSON";
  }
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

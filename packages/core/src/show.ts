/** Any value as an error message shows it. Never throws, and never returns more than 80 characters. */
export function show(value: unknown): string {
  let text: string;
  try {
    // Numbers skip JSON, which has no NaN and no Infinity.
    text = (typeof value === "number" ? undefined : JSON.stringify(value)) ?? String(value);
  } catch {
    text = "a value that is no JSON";
  }
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

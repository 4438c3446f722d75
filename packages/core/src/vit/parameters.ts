/** Parameters by their place in the model. */

/** The parameters whose names start with `prefix`, by the rest of their names. */
export function parametersOf<T>(params: Readonly<Record<string, T>>, prefix: string): Readonly<Record<string, T>> {
  return Object.fromEntries(
    Object.entries(params)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, x]) => [name.slice(prefix.length), x]),
  );
}

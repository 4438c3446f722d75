/** Parameters by their place in the model. */

type Named<T> = Readonly<Record<string, T>>;

/** What was selected of each set of parameters, by prefix: a backend that runs a program operation by operation asks in each run. */
const selections = new WeakMap<object, Map<string, object>>();

/** The parameters whose names start with `prefix`, by the rest of their names. */
export function parametersOf<T>(params: Named<T>, prefix: string): Named<T> {
  const known = selections.get(params) ?? new Map<string, object>();
  selections.set(params, known);
  const selected = (known.get(prefix) as Named<T> | undefined) ?? select(params, prefix);
  known.set(prefix, selected);
  return selected;
}

const select = <T>(params: Named<T>, prefix: string): Named<T> =>
  Object.fromEntries(
    Object.entries(params)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, x]) => [name.slice(prefix.length), x]),
  );

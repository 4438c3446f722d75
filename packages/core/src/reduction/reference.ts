/**
 * Policies in plain JavaScript, image by image and token by token, with sorting, picking and appending where the program
 * computes destination rows. The conformance suite holds every policy against its reference. Nothing that runs a model
 * imports one, so bundlers leave them out.
 */

type Vector = readonly number[];

/** What a stage sees of one image. All lists have one entry for each token, protected tokens first. */
export interface SeenTokens {
  /** The class token's attention, mean over heads. */
  readonly attention: Vector;
  /** Keys, mean over heads. */
  readonly keys: readonly Vector[];
  /** Values, all heads. */
  readonly values: readonly Vector[];
  /** Numbers of the tokens that may be removed: `protectedTokens` and all that follow. */
  readonly unprotected: readonly number[];
  readonly protectedTokens: number;
  /** Tokens to remove. */
  readonly removed: number;
  /** The block, counted from 0, and how many blocks the model has. */
  readonly layer: number;
  readonly depth: number;
}

/** One token that leaves a stage: the tokens in it, averaged by size, or added up with `weights`, one for each. */
export interface ReferenceRow {
  readonly tokens: readonly number[];
  readonly weights?: Vector;
}

/** A policy told once more, and the settings of its own that it is tried with. */
export interface PolicyReference<Settings extends object = object> {
  readonly settings: Settings;
  /** The rows that leave the stage, in order, without the protected ones in front. */
  rows(seen: SeenTokens, settings: Settings): readonly ReferenceRow[];
}

/** Positions by descending value, ties in order. */
export const descending = (values: Vector): number[] =>
  values.map((_, i) => i).sort((a, b) => values[b]! - values[a]! || a - b);

/** The `count` of `tokens` with the highest values, a row each, highest first. */
export const highest = (tokens: readonly number[], values: Vector, count: number): ReferenceRow[] =>
  descending(tokens.map((token) => values[token]!))
    .slice(0, count)
    .map((i) => ({ tokens: [tokens[i]!] }));

const dot = (a: Vector, b: Vector) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

export const cosine = (a: Vector, b: Vector): number => dot(a, b) / Math.hypot(...a) / Math.hypot(...b);

/** The `removed` tokens of A that are most like one of B join it. Rows: the rest of A, then B, in their own order. */
export function mergedRows(A: readonly number[], B: readonly number[], { keys, removed }: SeenTokens): ReferenceRow[] {
  const likeness = (a: number, b: number) => cosine(keys[a]!, keys[b]!);
  const picks = A.map((a) => B.reduce((best, b) => (likeness(a, b) > likeness(a, best) ? b : best)));
  const merged = new Set(descending(A.map((a, i) => likeness(a, picks[i]!))).slice(0, removed));
  return [
    ...A.filter((_, i) => !merged.has(i)).map((a) => ({ tokens: [a] })),
    ...B.map((b) => ({ tokens: [b, ...A.filter((_, i) => merged.has(i) && picks[i] === b)] })),
  ];
}

/** Bipartite soft matching: even positions merge into odd ones. */
export const matchedRows = (seen: SeenTokens): ReferenceRow[] =>
  mergedRows(
    seen.unprotected.filter((i) => i % 2 === 0),
    seen.unprotected.filter((i) => i % 2 === 1),
    seen,
  );

/**
 * Reference implementations of policies in plain JavaScript, for one image at a time. They sort and group tokens where the
 * policy's program computes destination rows. The conformance suite compares every policy with its reference. No code that
 * runs a model imports a reference, so bundlers leave them out.
 */

export type Vector = readonly number[];

/** What a stage sees of one image. `attention`, `keys` and `values` have an entry for each token, protected ones first. */
export interface SeenTokens {
  /** The class token's attention, averaged over heads. */
  readonly attention: Vector;
  /** Keys, averaged over heads. */
  readonly keys: readonly Vector[];
  /** Value vectors, all heads side by side. */
  readonly values: readonly Vector[];
  /** Indices of the tokens that may be removed, from `protectedTokens` on. */
  readonly unprotected: readonly number[];
  readonly protectedTokens: number;
  /** Number of tokens to remove. */
  readonly removed: number;
  /** Number of the block, from 0. */
  readonly layer: number;
  /** Number of blocks in the model. */
  readonly depth: number;
}

/** One token that leaves a stage: the indices of its tokens, averaged by size, or added up with one weight each. */
export interface ReferenceRow {
  readonly tokens: readonly number[];
  readonly weights?: Vector;
}

/** A second implementation of a policy, and the policy's own settings to test it with. */
export interface PolicyReference<Settings extends object = object> {
  readonly settings: Settings;
  /** The rows that leave the stage, in order, without the protected tokens. */
  rows(seen: SeenTokens, settings: Settings): readonly ReferenceRow[];
}

/** Indices of `values` by descending value. Equal values keep their order. */
export const descending = (values: Vector): number[] =>
  values.map((_, i) => i).sort((a, b) => values[b]! - values[a]! || a - b);

/** The `count` tokens with the highest values, one row each, highest first. `values` has an entry for every token. */
export const highest = (tokens: readonly number[], values: Vector, count: number): ReferenceRow[] =>
  descending(tokens.map((token) => values[token]!))
    .slice(0, count)
    .map((i) => ({ tokens: [tokens[i]!] }));

const dot = (a: Vector, b: Vector) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

/** The cosine of the angle between two vectors. */
export const cosine = (a: Vector, b: Vector): number => dot(a, b) / Math.hypot(...a) / Math.hypot(...b);

/** Merges the `removed` tokens of A that are most similar to a token of B into it. Rows: the rest of A, then B, in order. */
export function mergedRows(A: readonly number[], B: readonly number[], { keys, removed }: SeenTokens): ReferenceRow[] {
  const likeness = (a: number, b: number) => cosine(keys[a]!, keys[b]!);
  const picks = A.map((a) => B.reduce((best, b) => (likeness(a, b) > likeness(a, best) ? b : best)));
  const merged = new Set(descending(A.map((a, i) => likeness(a, picks[i]!))).slice(0, removed));
  return [
    ...A.filter((_, i) => !merged.has(i)).map((a) => ({ tokens: [a] })),
    ...B.map((b) => ({ tokens: [b, ...A.filter((_, i) => merged.has(i) && picks[i] === b)] })),
  ];
}

/** Bipartite soft matching: tokens at even positions merge into tokens at odd positions. */
export const matchedRows = (seen: SeenTokens): ReferenceRow[] =>
  mergedRows(
    seen.unprotected.filter((i) => i % 2 === 0),
    seen.unprotected.filter((i) => i % 2 === 1),
    seen,
  );

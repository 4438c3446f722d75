/** Token restore: reduced tokens back on the grid of patches, through the source map (section 5 of the method). */

import { PptError } from "../errors.js";
import { arrayOf, checkArgument, hostTensorCheck, shaped } from "../options.js";
import type { HostTensor, Ops, Shape, Tensor } from "../seam.js";
import { sameShape, showShape, sizeOf } from "../shape.js";

/** Tokens between two stages: x [B, N, C], and source [B or 1, N, N0], left out while every token is its own. */
export interface TracedTokens<T extends Tensor> {
  readonly x: T;
  readonly source?: T | undefined;
}

/** S^T x: each input token has the value of the token that contains it, 0 where none does. -> [B, N0, C] */
export function spreadTokens<T extends Tensor>(ops: Ops<T>, { x, source }: TracedTokens<T>): T {
  if (!source) return x;
  // Each column of S holds at most one 1, so that the product only picks: it is exact in any precision.
  return ops.matMul(ops.transpose(ops.cast(source, x.dtype), [0, 2, 1]), x);
}

/**
 * What a stage prunes, as it was before: (columns in S_k that S_(k+1) lacks) * (S_k^T x_k), 0 everywhere else.
 * `sourceAfter` [B, N', N0] is the source map behind the stage. -> [B, N0, C]
 */
export function prunedTokens<T extends Tensor>(ops: Ops<T>, before: TracedTokens<T>, sourceAfter: T): T {
  const N0 = sourceAfter.shape[2]!;
  const held = (source: T) => ops.sum(source, 1);
  const pruned = ops.sub(before.source ? held(before.source) : 1, held(sourceAfter));
  const isPruned = ops.greater(ops.reshape(pruned, [pruned.shape[0]!, N0, 1]), 0.5);
  return ops.where(isPruned, spreadTokens(ops, before), 0);
}

/** The tokens of a batch at one moment, with what they contain. */
export interface TokenState {
  /** [B, N, C] */
  readonly tokens: HostTensor;
  /** [B, N, N0], 1 where token i contains input token j: `source` of a model's output or of one of its stages. */
  readonly source: HostTensor;
}

const isTensor = (value: unknown): boolean => hostTensorCheck.holds(value) && (value as HostTensor).shape.length === 3;
const stateCheck = shaped("", { tokens: isTensor, source: isTensor });
const statesCheck = arrayOf("{ tokens [B,N,C], source [B,N,N0] }", stateCheck.holds);

/**
 * Tokens back on the positions that they stand for: [B, N0, C], special tokens first as in the input. `states` are given
 * from early to late; each position has the value of the token that contains it in the last state that still holds it,
 * so that what was pruned keeps its last known value. NaN where no state holds it.
 *
 * For the last layer alone pass one state; a model made with `outputs: { denseFeatures: true }` does all of this on its
 * device, with the states before each stage.
 * @throws PptError INVALID_INPUT where there is no state, or tokens and source maps do not fit each other
 */
export function restoreTokens(states: readonly TokenState[]): HostTensor {
  checkArgument("restoreTokens", "states", states, statesCheck);
  const first = states[0];
  if (!first)
    throw new PptError("INVALID_INPUT", "restoreTokens: no states; pass at least tokens and source of the end");
  const B = first.tokens.shape[0]!;
  const C = first.tokens.shape[2]!;
  const N0 = first.source.shape[2]!;
  const restored = new Float32Array(B * N0 * C).fill(Number.NaN);
  for (const { tokens, source } of states) {
    const N = source.shape[1]!;
    requireShape("tokens", tokens, [B, N, C]);
    requireShape("source", source, [B, N, N0]);
    for (let i = 0; i < B * N; i++) {
      const image = Math.floor(i / N);
      const value = tokens.data.subarray(i * C, (i + 1) * C);
      for (let j = 0; j < N0; j++) {
        // Backends that multiply in reduced precision still give what is nearer to 1 than to 0.
        if (source.data[i * N0 + j]! > 0.5) restored.set(value, (image * N0 + j) * C);
      }
    }
  }
  return { shape: [B, N0, C], data: restored };
}

/** @throws PptError INVALID_INPUT */
function requireShape(what: string, { shape, data }: HostTensor, expected: Shape): void {
  if (sameShape(shape, expected) && data.length === sizeOf(expected)) return;
  throw new PptError(
    "INVALID_INPUT",
    `restoreTokens: ${what} ${showShape(shape)} with ${data.length} values, expected ${showShape(expected)} as in the first state`,
  );
}

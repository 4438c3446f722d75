/** Token restore: puts reduced tokens back on the positions of the input tokens, with the source map. */

import { counted } from "../counted.js";
import { PptError } from "../errors.js";
import { arrayOf, checkArgument, hostTensorCheck, shaped } from "../options.js";
import type { HostTensor, Ops, Shape, Tensor } from "../seam.js";
import { sameShape, showShape, sizeOf } from "../shape.js";

/** Tokens x [B, N, C] between two stages, and their source map [B or 1, N, N0]. Without a map, N = N0: nothing is reduced. */
export interface TracedTokens<T extends Tensor> {
  readonly x: T;
  readonly source?: T | undefined;
}

/** S^T x: gives each input token the value of the token that contains it, or 0 if none does. -> [B, N0, C] */
export function spreadTokens<T extends Tensor>(ops: Ops<T>, { x, source }: TracedTokens<T>): T {
  if (!source) return x;
  // Each column of S holds at most one 1, so the product only selects values. It is exact in any precision.
  return ops.matMul(ops.transpose(ops.cast(source, x.dtype), [0, 2, 1]), x);
}

/**
 * The values before the stage of the input tokens that the stage prunes, and 0 for all others. An input token is pruned if
 * its column has a 1 in `before.source`, but none in `sourceAfter` [B, N', N0], the source map after the stage.
 * -> [B, N0, C]
 */
export function prunedTokens<T extends Tensor>(ops: Ops<T>, before: TracedTokens<T>, sourceAfter: T): T {
  const N0 = sourceAfter.shape[2]!;
  const held = (source: T) => ops.sum(source, 1);
  const pruned = ops.sub(before.source ? held(before.source) : 1, held(sourceAfter));
  const isPruned = ops.greater(ops.reshape(pruned, [pruned.shape[0]!, N0, 1]), 0.5);
  return ops.where(isPruned, spreadTokens(ops, before), 0);
}

/** The tokens of a batch at one point in the model, and their source map. */
export interface TokenState {
  /** [B, N, C] */
  readonly tokens: HostTensor;
  /** [B, N, N0], 1 where token i contains input token j, else 0: `source` of a model's output or of one of its stages. */
  readonly source: HostTensor;
}

const isTensor = (value: unknown): boolean => hostTensorCheck.holds(value) && (value as HostTensor).shape.length === 3;
const stateCheck = shaped("", { tokens: isTensor, source: isTensor });
const statesCheck = arrayOf("{ tokens [B,N,C], source [B,N,N0] }", stateCheck.holds);

/**
 * Puts tokens back on the positions that they stand for: [B, N0, C], special tokens first as in the input. `states` go from
 * early to late. Each position gets the value of the token that contains it, from the last state in which one does. A pruned
 * position thus keeps its last known value. A position that no state contains is NaN.
 *
 * Pass one state to restore only the last layer. A model made with `outputs: { denseFeatures: true }` restores its patches on
 * its own device, with the states before each stage.
 * @throws PptError INVALID_INPUT if there is no state, or tokens and source maps do not fit each other
 */
export function restoreTokens(states: readonly TokenState[]): HostTensor {
  checkArgument("restoreTokens", "states", states, statesCheck);
  const first = states[0];
  if (!first)
    throw new PptError(
      "INVALID_INPUT",
      "restoreTokens: no states: pass at least the tokens and source of the model's output",
    );
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
        // Backends with reduced precision do not return exactly 1.
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
    `restoreTokens: ${what} ${showShape(shape)} with ${counted(data.length, "value")}, expected ${showShape(expected)} as in the first state`,
  );
}

/** Token restore: puts reduced tokens back on the positions of the input tokens, with the source map. */

import { counted } from "../counted.js";
import { PptError } from "../errors.js";
import { arrayOf, checkArgument, hostTensorCheck, shaped } from "../options.js";
import type { HostTensor, Ops, Shape, Tensor } from "../seam.js";
import { sameShape, showShape, sizeOf } from "../shape.js";

/**
 * Where each of N0 input tokens is, among the tokens of one point in the model.
 * - `rows` [B or 1, N0]: the row of the token that contains it, -1 if that token was pruned. Undefined as long as no stage has
 *   run, because each token then stands for itself.
 * - `last` [B, N0, C]: the value that its token had before the latest stage that had it. Undefined likewise.
 */
export interface Traced<T extends Tensor> {
  readonly rows?: T | undefined;
  readonly last?: T | undefined;
}

/** The same for the `count` tokens behind a stage that got the tokens x [B, N, C] and sends them to destination [B, N]. */
export function traced<T extends Tensor>(
  ops: Ops<T>,
  before: Traced<T>,
  x: T,
  destination: T,
  count: number,
): Traced<T> {
  const { rows } = before;
  const kept = ops.where(ops.greater(count - 0.5, destination), destination, -1);
  const [B, N] = destination.shape as [number, number];
  const followed = () => ops.reshape(ops.gatherRows(ops.reshape(kept, [B, N, 1]), rows!), [B, rows!.shape[1]!]);
  return {
    rows: rows ? ops.where(ops.greater(rows, -0.5), followed(), -1) : ops.where(ops.greater(kept, -0.5), kept, -1),
    last: valuesOf(ops, before, x),
  };
}

/** The value of each input token: that of the token that contains it, or its last one. x [B, N, C] -> [B, N0, C] */
export function valuesOf<T extends Tensor>(ops: Ops<T>, { rows, last }: Traced<T>, x: T): T {
  if (!rows || !last) return x;
  const [B, N0] = rows.shape as [number, number];
  return ops.where(ops.greater(ops.reshape(rows, [B, N0, 1]), -0.5), ops.gatherRows(x, rows), last);
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

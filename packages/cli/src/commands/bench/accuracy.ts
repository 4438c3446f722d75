/** How far the answers of a contender in another precision lie from those in floats. */
import { bestClass, divergence } from "@ppt-vit/pipeline";
import type { CellAccuracy } from "./schema.js";

/** The contender in floats that `NAME:PRECISION` is compared with, if its own `floats` names none. */
export const floatsOf = ({ name, floats }: { readonly name: string; readonly floats?: string }): string | undefined =>
  floats ?? /^(.+):[^:/\\]+$/.exec(name)?.[1];

/** Logits [batch, labels] beside those of the contender `over`; undefined if either gives none or they are of different models. */
export function accuracyOf(
  own: readonly number[] | undefined,
  reference: readonly number[] | undefined,
  { over, batch }: { readonly over: string; readonly batch: number },
): CellAccuracy | undefined {
  if (!own || !reference || own.length === 0 || own.length !== reference.length) return undefined;
  const labels = own.length / batch;
  const rows = Array.from({ length: batch }, (_, row) => {
    const [start, end] = [row * labels, (row + 1) * labels];
    return [reference.slice(start, end), own.slice(start, end)] as const;
  });
  // Plain loops: Math.max takes no million arguments.
  let [difference, largest] = [0, 0];
  for (const [i, value] of reference.entries()) {
    difference = Math.max(difference, Math.abs(own[i]! - value));
    largest = Math.max(largest, Math.abs(value));
  }
  return {
    over,
    images: batch,
    sameAnswer: rows.filter(([expected, found]) => bestClass(expected) === bestClass(found)).length,
    error: largest > 0 ? difference / largest : difference,
    divergence: rows.reduce((sum, row) => sum + Math.max(0, divergence(...row)), 0) / batch,
  };
}

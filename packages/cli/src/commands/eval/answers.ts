/** Two answers to one picture: how they differ, and what the differences of all pictures tell together. */
import type { Action } from "@ppt-vit/core";
import { type AnswerKind, cosine, quantile, shareInterval } from "@ppt-vit/pipeline";
import type { AnswerDifference, DifferenceSummary } from "./types.js";

/** What a model says about one picture. */
export interface Answer {
  /** What the kind of the model's answers takes: logits, an embedding, or a map of depth. */
  readonly values: Float32Array;
  /** The action of each stage in which the policy decides about each picture. */
  readonly actions: readonly Action[];
}

interface Difference {
  /** What is not finite in a broken answer, with its verb. */
  readonly values: string;
  of(kind: AnswerKind, reference: Float32Array, own: Float32Array): AnswerDifference;
}

/** For each kind of answers, by its name, the fields of the document that tell how two of them differ. */
const differences: Readonly<Record<string, Difference>> = {
  classes: {
    values: "logits are",
    of: (kind, reference, own) => ({
      same: kind.same!(reference, own),
      // Rounding can take that of equal answers below 0.
      divergence: Math.max(0, kind.divergenceOf(reference, own)),
    }),
  },
  embeddings: { values: "embedding is", of: (_, reference, own) => ({ cosine: cosine(reference, own) }) },
  depths: {
    values: "map of depth is",
    of: (kind, reference, own) => ({ depthError: kind.divergenceOf(reference, own) }),
  },
};

/** An answer beside the one that it is compared with. Both are finite. */
export const differenceOf = (kind: AnswerKind, reference: Answer, own: Answer): AnswerDifference =>
  differences[kind.name]!.of(kind, reference.values, own.values);

/** The subject and the verb of a sentence about a broken answer. */
export const valuesNamed = (kind: AnswerKind): string => differences[kind.name]!.values;

/** A field is left out if no picture tells anything about it. */
export function differenceSummary(all: readonly AnswerDifference[]): DifferenceSummary {
  const valuesOf = <Value>(value: (one: AnswerDifference) => Value | undefined): Value[] =>
    all.flatMap((one) => value(one) ?? []);
  const same = valuesOf((one) => one.same);
  const divergences = valuesOf(({ divergence }) => divergence);
  const cosines = valuesOf((one) => one.cosine);
  const depthErrors = valuesOf(({ depthError }) => depthError);
  const upper = (values: readonly number[]) => ({ mean: mean(values), p99: quantile(values, 0.99) });
  return {
    ...(same.length > 0 && { answers: answersOf(same) }),
    ...(divergences.length > 0 && { divergence: upper(divergences) }),
    ...(cosines.length > 0 && { cosine: { mean: mean(cosines), p1: quantile(cosines, 0.01) } }),
    ...(depthErrors.length > 0 && { depthError: upper(depthErrors) }),
  };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function answersOf(flags: readonly boolean[]): NonNullable<DifferenceSummary["answers"]> {
  const same = flags.filter(Boolean).length;
  return { same, share: same / flags.length, interval95: shareInterval(same, flags.length) };
}

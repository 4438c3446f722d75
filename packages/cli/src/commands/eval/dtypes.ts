/** Answers of one model in several precisions: what one picture's answers tell, and what those of all pictures tell together. */
import type { Action, QuantizedDtypeName } from "@ppt-vit/core";
import { bestClass, cosine, divergence, quantile, shareInterval } from "@ppt-vit/pipeline";
import { accuracyOf, scoreOf } from "./score.js";
import type { DtypeAnswer, DtypeSummary, Score, UsedPicture } from "./types.js";

/** What a model says about one picture. */
export interface Answer {
  /** [labels]. Empty if the model has no classifier. */
  readonly logits: Float32Array;
  /** [C], if the model has no classifier. */
  readonly embedding?: Float32Array | undefined;
  /** The action of each stage in which the policy decides about each picture. */
  readonly actions: readonly Action[];
}

/** An answer beside that of fp32. Both are finite. */
export function compareAnswers(reference: Answer, own: Answer, label: number | undefined): DtypeAnswer {
  const decisions = own.actions.map((action, stage) => action === reference.actions[stage]);
  if (own.embedding && reference.embedding) return { cosine: cosine(reference.embedding, own.embedding), decisions };
  return {
    ...(label !== undefined && { score: scoreOf(own.logits, label) }),
    same: bestClass(own.logits) === bestClass(reference.logits),
    // Rounding can take that of equal answers below 0.
    divergence: Math.max(0, divergence(reference.logits, own.logits)),
    decisions,
  };
}

/** For each precision what the answers of all pictures tell; undefined if none was compared. */
export function dtypeSummaries(
  pictures: readonly UsedPicture[],
  compared: readonly QuantizedDtypeName[] | undefined,
): Partial<Record<QuantizedDtypeName, DtypeSummary>> | undefined {
  return (
    compared &&
    Object.fromEntries(
      compared.map((dtype) => [dtype, summaryOf(pictures.flatMap(({ dtypes }) => dtypes?.[dtype] ?? []))]),
    )
  );
}

function summaryOf(answers: readonly DtypeAnswer[]): DtypeSummary {
  const valuesOf = <Value>(value: (answer: DtypeAnswer) => Value | undefined): Value[] =>
    answers.flatMap((answer) => value(answer) ?? []);
  const scores: readonly Score[] = valuesOf(({ score }) => score);
  const same = valuesOf(({ same }) => same);
  const divergences = valuesOf((answer) => answer.divergence);
  const cosines = valuesOf(({ cosine }) => cosine);
  return {
    ...(scores.length > 0 && { accuracy: accuracyOf(scores) }),
    ...(same.length > 0 && { answers: answersOf(same) }),
    decisions: decisionsOf(answers),
    ...(divergences.length > 0 && { divergence: { mean: meanOf(divergences), p99: quantile(divergences, 0.99) } }),
    ...(cosines.length > 0 && { cosine: { mean: meanOf(cosines), p1: quantile(cosines, 0.01) } }),
  };
}

const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function answersOf(flags: readonly boolean[]): NonNullable<DtypeSummary["answers"]> {
  const same = flags.filter(Boolean).length;
  return { same, share: same / flags.length, interval95: shareInterval(same, flags.length) };
}

function decisionsOf(answers: readonly DtypeAnswer[]): DtypeSummary["decisions"] {
  const all = answers.flatMap(({ decisions }) => decisions);
  const same = all.filter(Boolean).length;
  const stages = answers[0]?.decisions.length ?? 0;
  const byStage = Array.from(
    { length: stages },
    (_, stage) => answers.filter(({ decisions }) => decisions[stage]).length,
  );
  return { same, of: all.length, share: all.length > 0 ? same / all.length : null, byStage };
}

/** Compares answers with the teacher's and with labels. */
import type { AnswerKind } from "@ppt-vit/pipeline";
import { bestClass } from "@ppt-vit/pipeline";
import type { Evaluation } from "./progress.js";

export interface Answer {
  readonly given: Float32Array;
  readonly teacher: Float32Array;
  readonly label?: number | undefined;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const share = (flags: readonly boolean[]): number => mean(flags.map(Number));

/** As calibration compares answers of this kind. */
export function evaluationOf(step: number, answers: readonly Answer[], kind: AnswerKind): Evaluation {
  const { same, divergenceOf, lossOf } = kind;
  const labelled = answers.filter(({ label }) => label !== undefined);
  return {
    step,
    pictures: answers.length,
    ...(same && { agreement: share(answers.map(({ given, teacher }) => same(teacher, given))) }),
    ...(same &&
      labelled.length > 0 && { accuracy: share(labelled.map(({ given, label }) => bestClass(given) === label)) }),
    divergence: mean(answers.map(({ given, teacher }) => divergenceOf(teacher, given))),
    distance: mean(answers.map(({ given, teacher }) => lossOf(teacher, given))),
  };
}

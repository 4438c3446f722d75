/** Compares answers with the teacher's and with labels. */
import type { Evaluation } from "./progress.js";

export interface Answer {
  readonly given: Float32Array;
  readonly teacher: Float32Array;
  readonly label?: number | undefined;
}

const best = (values: Float32Array): number => values.reduce((top, value, i) => (value > values[top]! ? i : top), 0);

function logSoftmax(logits: Float32Array): number[] {
  const top = Math.max(...logits);
  const sum = Math.log(logits.reduce((total, value) => total + Math.exp(value - top), 0)) + top;
  return Array.from(logits, (value) => value - sum);
}

/** KL(teacher || given) of two logits. */
function divergence(teacher: Float32Array, given: Float32Array): number {
  const [p, q] = [logSoftmax(teacher), logSoftmax(given)];
  return p.reduce((sum, log, i) => sum + Math.exp(log) * (log - q[i]!), 0);
}

function distance(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

const share = (list: readonly boolean[]): number => list.filter(Boolean).length / list.length;

/** `classes`: answers are logits, else embeddings. */
export function evaluationOf(step: number, answers: readonly Answer[], classes: boolean): Evaluation {
  const measure = classes ? divergence : distance;
  const labelled = answers.filter(({ label }) => label !== undefined);
  return {
    step,
    pictures: answers.length,
    ...(classes && { agreement: share(answers.map(({ given, teacher }) => best(given) === best(teacher))) }),
    ...(classes &&
      labelled.length > 0 && { accuracy: share(labelled.map(({ given, label }) => best(given) === label)) }),
    divergence: answers.reduce((sum, { given, teacher }) => sum + measure(teacher, given), 0) / answers.length,
  };
}

/** Labels and their probabilities, from logits. */
import type { Problem } from "@ppt-vit/core";

/** A label with its logit. In a regression the logit is the answer. */
export interface LabelValue {
  readonly label: string;
  readonly index: number;
  readonly logit: number;
  readonly probability?: undefined;
}

/** A label of a classification with its probability. */
export interface LabelProbability extends Omit<LabelValue, "probability"> {
  /** Softmax over all labels, or this label's sigmoid, as `problem` says. */
  readonly probability: number;
}

/** Labels of one picture, the highest logit first. */
export type Labels = { /** [labels] */ readonly logits: Float32Array } & (
  | { readonly problem: "single-label" | "multi-label"; readonly labels: readonly LabelProbability[] }
  | { readonly problem: "regression"; readonly labels: readonly LabelValue[] }
);

/** A label's probability for people, as `91.8 %`, or a regression's answer. */
export const showAnswer = ({ probability, logit }: LabelProbability | LabelValue): string =>
  probability === undefined ? String(Number(logit.toPrecision(4))) : `${(100 * probability).toFixed(1)} %`;

/** The `count` labels with the highest logits, with probabilities. Equal logits keep the order of the classes. */
export function topLabels(
  logits: Float32Array,
  labels: readonly string[],
  count: number,
  problem: Exclude<Problem, "regression"> = "single-label",
): LabelProbability[] {
  const probabilityOf = problem === "multi-label" ? sigmoid : softmaxOf(logits);
  return topValues(logits, labels, count).map((value) => ({ ...value, probability: probabilityOf(value.logit) }));
}

/** The `count` highest logits with their labels. */
export function topValues(
  logits: Float32Array,
  labels: readonly string[],
  count: number,
): Omit<LabelValue, "probability">[] {
  const best: number[] = [];
  for (let index = 0; index < logits.length; index++) {
    if (best.length >= count && !(logits[index]! > logits[best.at(-1)!]!)) continue;
    let rank = Math.min(best.length, count - 1);
    while (rank > 0 && logits[index]! > logits[best[rank - 1]!]!) rank--;
    best.splice(rank, 0, index);
    best.length = Math.min(best.length, count);
  }
  return best.map((index) => ({ label: labels[index]!, index, logit: logits[index]! }));
}

const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit));

function softmaxOf(logits: Float32Array): (logit: number) => number {
  const highest = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - highest), 0);
  return (logit) => Math.exp(logit - highest) / sum;
}

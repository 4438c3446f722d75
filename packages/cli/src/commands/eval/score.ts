/** Scores one picture's logits against its class, and averages scores over many pictures. */
import { differenceSummary } from "./answers.js";
import {
  type Accuracy,
  type Agreement,
  type ClassSummary,
  type FailedPicture,
  isFailed,
  isScored,
  isUnlabelled,
  type PictureRecord,
  type Score,
  type Summary,
} from "./types.js";

/** The loss is the cross entropy, log(sum_j exp(l_j)) - l_label. Among equal logits, the class with the lower index ranks first. */
export function scoreOf(logits: Float32Array, label: number): Score {
  const own = logits[label]!;
  let predicted = 0;
  let rank = 0;
  for (const [j, logit] of logits.entries()) {
    if (logit > logits[predicted]!) predicted = j;
    if (logit > own || (logit === own && j < label)) rank++;
  }
  const highest = logits[predicted]!;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - highest);
  return { predicted, rank, loss: Math.log(sum) - (own - highest) };
}

/** Averages over records. Sums run in the order of the records, so that equal records give equal averages to the last bit. */
export function summaryOf(records: readonly PictureRecord[]): Summary {
  const scored = records.filter(isScored);
  const compared = scored.filter((record) => record.unreduced);
  const differences = records.flatMap((record) => (isUnlabelled(record) ? (record.unreduced ?? []) : []));
  return {
    pictures: records.length,
    failed: records.filter(isFailed).length,
    ...accuracyOf(scored),
    ...(compared.length > 0 && {
      unreduced: accuracyOf(compared.map(({ unreduced }) => unreduced!)),
      agreement: agreementOf(compared.map((picture) => [picture, picture.unreduced!])),
    }),
    ...(differences.length > 0 && { difference: differenceSummary(differences) }),
  };
}

export function accuracyOf(scores: readonly Score[]): Accuracy {
  const mean = (value: (score: Score) => number) =>
    scores.length > 0 ? scores.reduce((sum, score) => sum + value(score), 0) / scores.length : null;
  return {
    top1: mean(({ rank }) => (rank === 0 ? 1 : 0)),
    top5: mean(({ rank }) => (rank < 5 ? 1 : 0)),
    loss: mean(({ loss }) => loss),
  };
}

/** How often two answers to the same picture agree, and how often only one of them is right. */
export function agreementOf(pictures: readonly (readonly [reduced: Score, unreduced: Score])[]): Agreement {
  const count = (test: (reduced: Score, unreduced: Score) => boolean) =>
    pictures.filter(([reduced, unreduced]) => test(reduced, unreduced)).length;
  const same = count((reduced, unreduced) => reduced.predicted === unreduced.predicted);
  return {
    same,
    share: pictures.length > 0 ? same / pictures.length : null,
    rightOnlyReduced: count((reduced, unreduced) => reduced.rank === 0 && unreduced.rank > 0),
    rightOnlyUnreduced: count((reduced, unreduced) => reduced.rank > 0 && unreduced.rank === 0),
  };
}

/** A summary for each class that has pictures, in the order of the classes. */
export function classSummaries(records: readonly PictureRecord[], labels: readonly string[]): ClassSummary[] {
  const byClass = new Map<number, PictureRecord[]>();
  for (const record of records) {
    if (record.label === undefined) continue;
    const known = byClass.get(record.label);
    if (known) known.push(record);
    else byClass.set(record.label, [record]);
  }
  return [...byClass]
    .sort(([a], [b]) => a - b)
    .map(([label, own]) => ({ label, name: labels[label]!, ...summaryOf(own) }));
}

/** Wrong answers, most frequent first; equally frequent ones in the order of the classes. */
export function confusionsOf(records: readonly PictureRecord[]) {
  const counts = new Map<string, { label: number; predicted: number; pictures: number }>();
  for (const record of records) {
    if (!isScored(record) || record.rank === 0) continue;
    const { label, predicted } = record;
    const key = `${label} ${predicted}`;
    const known = counts.get(key) ?? { label, predicted, pictures: 0 };
    counts.set(key, { ...known, pictures: known.pictures + 1 });
  }
  return [...counts.values()].sort((a, b) => b.pictures - a.pictures || a.label - b.label || a.predicted - b.predicted);
}

export const failuresOf = (records: readonly PictureRecord[]): FailedPicture[] => records.filter(isFailed);

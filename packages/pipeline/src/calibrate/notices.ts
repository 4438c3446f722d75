/** What makes a choice of settings doubtful: too few pictures, or pictures unlike those that a model usually sees. */
import { counted } from "@ppt-vit/core/options";
import { mean } from "../statistics.js";
import type { AnswerKind } from "./answers/answer-kind.js";
import { bestClass } from "./statistics.js";

/** With fewer pictures the choice differs much from one set to another. */
const fewPictures = 32;
/** With fewer pictures none is held back. */
export const fewest = 8;
/** More pictures than this share with one answer say little about the other classes. */
const mostOfOneClass = 0.5;
/** Of as many classes as there could be among the answers, at least this share is expected. */
const leastClasses = 0.25;
/** In standard deviations of a pixel, which preprocessing makes 1 over the pictures of the training. */
const mostOff = 1;
const leastSpread = 0.02;

export interface Considered {
  /** [channels, H, W] each, preprocessed. */
  readonly pictures: readonly Float32Array[];
  /** Number of pictures that were left out because they are equal to one of these. */
  readonly copies: number;
  /** The unreduced model's answers. */
  readonly answers: readonly Float32Array[];
  readonly kind: AnswerKind;
  readonly labels: readonly string[];
}

/** Sentences about the pictures, for people. None if nothing is wrong with them. */
export function noticesAbout({ pictures, copies, answers, kind, labels }: Considered): string[] {
  return [
    ...aboutNumber(pictures.length),
    ...aboutCopies(copies),
    ...(kind.same ? aboutClasses(answers, labels) : []),
    ...aboutBrightness(pictures),
  ];
}

function aboutNumber(count: number): string[] {
  if (count < fewest)
    return [
      `${counted(count, "picture")}: fewer than ${fewest} are all searched on, so none is left to tell how well the settings do on others. 64 are usual`,
    ];
  if (count < fewPictures) return [`${count} pictures: from so few the choice depends on which they are. 64 are usual`];
  return [];
}

const aboutCopies = (copies: number): string[] =>
  copies === 0
    ? []
    : [
        `${counted(copies, "picture is a copy of another, and was", "pictures are copies of others, and were")} left out`,
      ];

function aboutClasses(answers: readonly Float32Array[], labels: readonly string[]): string[] {
  const counts = new Map<number, number>();
  for (const answer of answers) counts.set(bestClass(answer), (counts.get(bestClass(answer)) ?? 0) + 1);
  const [most, times] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a));
  const possible = Math.min(labels.length, answers.length);
  if (possible < 4) return [];
  if (times > mostOfOneClass * answers.length && labels.length > 2)
    return [
      `${times} of ${answers.length} pictures are '${labels[most]}' to the model: settings are only as good for other classes as these pictures show`,
    ];
  if (counts.size < leastClasses * possible)
    return [`the pictures are of ${counts.size} of the model's ${labels.length} classes: others may lose more`];
  return [];
}

function aboutBrightness(pictures: readonly Float32Array[]): string[] {
  const means = pictures.map((picture) => picture.reduce((sum, value) => sum + value, 0) / picture.length);
  const all = mean(means);
  const notices: string[] = [];
  if (Math.abs(all) > mostOff)
    notices.push(
      `the pictures are ${all > 0 ? "brighter" : "darker"} than preprocessing expects, by ${Math.abs(all).toFixed(1)} standard deviations of a pixel: are they like those that the model will see?`,
    );
  const spread = Math.sqrt(mean(means.map((one) => (one - all) ** 2)));
  if (pictures.length >= fewest && spread < leastSpread)
    notices.push("all pictures are equally bright: are they like those that the model will see?");
  return notices;
}

/** What a run of the model says about one of its pictures. */
import {
  type HostTensor,
  type Policy,
  type PptError,
  type Problem,
  type RgbImage,
  type StageReport,
  specialTokens,
  type VisionModelConfig,
  type VisionOutput,
} from "@ppt-vit/core";

/** A label and the model's own number for it, which of a regression is the answer. */
export interface LabelValue {
  readonly label: string;
  readonly index: number;
  readonly logit: number;
  readonly probability?: undefined;
}

export interface LabelProbability extends Omit<LabelValue, "probability"> {
  /** Softmax over all labels, or this label's sigmoid, as `problem` says. */
  readonly probability: number;
}

/** One stage of token reduction on one picture. */
export interface ImageStage {
  readonly layer: number;
  readonly tokensIn: number;
  readonly tokensOut: number;
  readonly policy: Policy;
  readonly variance: number;
  /** With `trace`: the token that holds each patch after this stage, row by row; -1 where the patch was pruned. */
  readonly tokenOfPatch?: Int32Array;
  /** With `trace`: significance of the tokens that entered, special tokens left out; they sum to 1. */
  readonly scores?: Float32Array;
}

/** What the model did with a picture, whatever the task. */
export interface PictureRun {
  readonly stages: readonly ImageStage[];
  /** The model's share of the run that this picture was in, in milliseconds; decoding is not counted. */
  readonly latencyMs: number;
  /** With `trace`: the picture as the model saw it, resized and cropped. */
  readonly image?: RgbImage;
}

/** A picture that could not be read, or that the model could not compute. */
export interface PictureFailure<Input> {
  readonly input: Input;
  readonly error: PptError;
}

/** Labels of one picture, the highest logit first. */
export type Labels = { /** [labels] */ readonly logits: Float32Array } & (
  | { readonly problem: "single-label" | "multi-label"; readonly labels: readonly LabelProbability[] }
  | { readonly problem: "regression"; readonly labels: readonly LabelValue[] }
);

export type Classification<Input> = Labels & PictureRun & { readonly input: Input };

/** True for a picture's failure; what is left are results. */
export const isFailure = (result: object): result is PictureFailure<unknown> =>
  typeof result === "object" && result !== null && "error" in result;

/** The result of the one picture that was given. @throws PptError what it failed with */
export async function onlyResult<Result extends object>(
  results: AsyncIterable<Result | PictureFailure<unknown>>,
): Promise<Result> {
  for await (const result of results) {
    if (isFailure(result)) throw result.error;
    return result;
  }
  throw new Error("unreachable: one input has one result");
}

/** All stages of picture `row` of a run. */
export const describeStages = (output: VisionOutput, row: number, config: VisionModelConfig): ImageStage[] =>
  output.stages.map((stage) => describeStage(stage, row, specialTokens(config)));

function describeStage(stage: StageReport, row: number, special: number): ImageStage {
  const { layer, tokensIn, tokensOut, policies, variances, source, scores } = stage;
  return {
    layer,
    tokensIn,
    tokensOut,
    policy: policies[row]!,
    variance: variances[row]!,
    ...(source && { tokenOfPatch: tokensOfPatches(rowOf(source, row), source.shape[2]!, special) }),
    ...(scores && { scores: rowOf(scores, row) }),
  };
}

/** The row of source [N', N0] that holds a 1 in each patch's column, -1 where none does. */
function tokensOfPatches(source: Float32Array, N0: number, special: number): Int32Array {
  const tokenOf = new Int32Array(N0 - special).fill(-1);
  for (const [at, value] of source.entries()) {
    const patch = (at % N0) - special;
    // Backends that multiply by a 0/1 matrix in reduced precision still give what is nearer to 1 than to 0.
    if (patch >= 0 && value > 0.5) tokenOf[patch] = Math.floor(at / N0);
  }
  return tokenOf;
}

/** One image of a batch, copied: [B, ...] -> [...] */
export function rowOf({ shape, data }: HostTensor, row: number): Float32Array {
  const length = data.length / shape[0]!;
  return data.slice(row * length, (row + 1) * length);
}

export const allFinite = (values: Float32Array): boolean => values.every(Number.isFinite);

/** How sure a model is of a label, for people: `91.8 %`, or the number that a regression answers. */
export const showAnswer = ({ probability, logit }: LabelProbability | LabelValue): string =>
  probability === undefined ? String(Number(logit.toPrecision(4))) : `${(100 * probability).toFixed(1)} %`;

/** The `count` labels with the highest logits, with their probabilities; ties keep the order of the classes. */
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

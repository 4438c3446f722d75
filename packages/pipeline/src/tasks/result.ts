/** The results of a run, picture by picture. */
import {
  type Action,
  type HostTensor,
  type PptError,
  type RgbImage,
  type StageReport,
  specialTokens,
  type VisionModelConfig,
  type VisionOutput,
} from "@ppt-vit/core";

/** One stage of token reduction on one picture. */
export interface ImageStage {
  readonly layer: number;
  readonly tokensIn: number;
  readonly tokensOut: number;
  readonly policy: Action;
  readonly variance: number;
  /** With `trace`: the token that holds each patch after this stage, row by row; -1 where the patch was pruned. */
  readonly tokenOfPatch?: Int32Array;
  /** With `trace`: significance of the tokens that entered, without special tokens; they sum to 1. */
  readonly scores?: Float32Array;
}

/** The run that a picture was in, whatever the task. */
export interface PictureRun {
  readonly stages: readonly ImageStage[];
  /** Time of the run divided by its pictures, in milliseconds, without decoding. */
  readonly latencyMs: number;
  /** Rows and columns of patches, where each picture has a size of its own. */
  readonly patches?: readonly [rows: number, columns: number];
  /** With `trace`: the picture as the model saw it, resized and cropped. */
  readonly image?: RgbImage;
}

/** A picture that could not be read, or that the model could not compute. */
export interface PictureFailure<Input> {
  readonly input: Input;
  readonly error: PptError;
}

/** True for a failure, false for a result. */
export const isFailure = (result: object): result is PictureFailure<unknown> =>
  typeof result === "object" && result !== null && "error" in result;

/** The result of a run on one picture. @throws PptError the picture's failure */
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
    // Backends that multiply by a 0/1 matrix in reduced precision give values near 1, not 1.
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

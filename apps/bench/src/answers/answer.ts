/** An answer is what a model gives for a picture, and how the page shows it. Each task has one file of this folder. */
import type { ImageInput, ModelFacts, ModelOf, PictureFailure, PictureRun, TaskName } from "@ppt-vit/pipeline/browser";
import type { Picture, Seen } from "../picture.js";
import type { PolicyChoice } from "../settings.js";

/** What any loaded model has. */
export interface LoadedModel extends ModelFacts {
  dispose(): Promise<void>;
}

/** A model and what it gave. */
export interface Side<Model = LoadedModel, Result = PictureRun> {
  readonly policy: PolicyChoice;
  readonly title: string;
  readonly model: Model;
  readonly result: Result;
}

/** Whether two answers are the same, and a sentence about it without a full stop. */
export interface Comparison {
  readonly same: boolean;
  readonly text: string;
}

/** The answer of a task, with the types of its model and its result. */
export interface TypedAnswer<Name extends TaskName, Result extends PictureRun> {
  readonly task: Name;
  /** What the page calls the task. */
  readonly title: string;
  /** `others` are the pictures that the user could choose. */
  run(model: ModelOf<Name, ImageInput>, picture: Seen, others: readonly Picture[]): Promise<Result>;
  /** The same for many pictures in one batch. */
  runAll(model: ModelOf<Name, ImageInput>, pictures: readonly Blob[]): Promise<readonly Result[]>;
  /** The numbers of a result, to compare backends by. */
  values(result: Result): Float32Array;
  /** The answer in a few words. */
  say(result: Result): string;
  compare(unreduced: Result, reduced: Result): Comparison;
  /** Shows one or two sides. */
  show(sides: readonly Side<ModelOf<Name, ImageInput>, Result>[]): HTMLElement[];
}

/** Any answer, for code that goes through the list. */
export interface AnswerKind {
  readonly task: TaskName;
  readonly title: string;
  run(model: LoadedModel, picture: Seen, others: readonly Picture[]): Promise<PictureRun>;
  runAll(model: LoadedModel, pictures: readonly Blob[]): Promise<readonly PictureRun[]>;
  values(result: PictureRun): Float32Array;
  say(result: PictureRun): string;
  compare(unreduced: PictureRun, reduced: PictureRun): Comparison;
  show(sides: readonly Side[]): HTMLElement[];
}

/** All results of a batch. @throws the failure of any picture */
export async function collected<Result extends object>(
  results: AsyncIterable<Result | PictureFailure>,
): Promise<Result[]> {
  const all: Result[] = [];
  for await (const result of results) {
    if ("error" in result) throw result.error;
    all.push(result);
  }
  return all;
}

/** Hides the types of one answer: whoever goes through the list hands each answer only its own models and results. */
export const answerKind = <Name extends TaskName, Result extends PictureRun>(
  answer: TypedAnswer<Name, Result>,
): AnswerKind => answer as unknown as AnswerKind;

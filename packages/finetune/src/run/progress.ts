/** What a run tells while it goes on, and what it remembers. */

/** One step of the optimiser. */
export interface StepRecord {
  /** From 1. */
  readonly step: number;
  /** The mean loss of its pictures, before the step. */
  readonly loss: number;
  readonly learningRate: number;
  /** Length of the gradient before clipping. */
  readonly gradientLength: number;
}

/** How the reduced model answers the pictures that are held back. */
export interface Evaluation {
  /** Number of steps before it. 0: the weights as they were. */
  readonly step: number;
  readonly pictures: number;
  /** Share of pictures with the unreduced model's answer. Undefined without classes. */
  readonly agreement?: number | undefined;
  /** Share of right answers. Undefined without labels. */
  readonly accuracy?: number | undefined;
  /** Mean Kullback-Leibler divergence from the unreduced model's answers, or 1 - cosine for embeddings. */
  readonly divergence: number;
  /** What weights are chosen by: the mean root of the divergence, for classes at temperature 4. No single picture dominates it. */
  readonly distance: number;
}

/** Reported after every step and evaluation. */
export type FinetuneProgress =
  | {
      readonly kind: "teacher";
      /** Answers of the unreduced model so far, and all that are needed. */
      readonly done: number;
      readonly total: number;
    }
  | {
      readonly kind: "kept";
      /** Pictures that were brought to the part that is trained so far, and all of them. */
      readonly done: number;
      readonly total: number;
    }
  | ({
      readonly kind: "step";
      readonly steps: number;
      readonly epoch: number;
      readonly epochs: number;
      readonly secondsLeft: number;
    } & StepRecord)
  | ({ readonly kind: "evaluation"; readonly best: boolean } & Evaluation)
  | { readonly kind: "saved"; readonly step: number }
  | { readonly kind: "resumed"; readonly step: number };

/**
 * Whether `a` is a better model than `b`: more right answers, and without labels or with as many the nearer to the teacher. That is not told by
 * the share of equal answers nor by the divergence: of a few hundred pictures, those that change their answer would decide alone.
 */
export function isBetter(a: Evaluation, b: Evaluation): boolean {
  const [x, y] = [a.accuracy ?? 0, b.accuracy ?? 0];
  return x !== y ? x > y : a.distance < b.distance;
}

/** What `ppt-vit eval` records of each picture, and the document that it writes. */
import type { ReductionConfig } from "@ppt-vit/core";

/** A picture of a dataset. */
export interface Sample {
  /** Place in the dataset, from 0. */
  readonly index: number;
  /** Path below the dataset's folder, with `/`. */
  readonly file: string;
  /** Index of its class among the model's labels. */
  readonly label: number;
}

/** What a model says about a picture whose class is known. */
export interface Score {
  /** Index of the most probable class. */
  readonly predicted: number;
  /** How many classes are more probable than the right one: 0 is top-1, below 5 is top-5. */
  readonly rank: number;
  /** Cross entropy in nats: -log of the right class's probability. */
  readonly loss: number;
}

export interface ScoredPicture extends Sample, Score {
  /** What the unreduced model says, where it was asked. */
  readonly unreduced?: Score;
}

/** A picture that could not be read, or whose logits are not finite. It counts in no average. */
export interface FailedPicture extends Sample {
  readonly code: string;
  readonly message: string;
}

export type PictureRecord = ScoredPicture | FailedPicture;

export const isFailed = (record: PictureRecord): record is FailedPicture => "code" in record;

/** All that decides about the result. Two evaluations with equal settings give equal results. */
export interface EvalSettings {
  readonly model: { readonly name: string; readonly fingerprint: string };
  readonly backend: string;
  readonly reduction: ReductionConfig | null;
  /** Whether the unreduced model is asked, too. */
  readonly agreement: boolean;
  /** Pictures per run of the model: some backends round differently in batches of different sizes. */
  readonly batch: number;
  readonly dataset: { readonly path: string; readonly pictures: number; readonly fingerprint: string };
  readonly limit: number | null;
  readonly decoding: { readonly firstFrame: boolean; readonly maxPixels: number | null };
}

/** Part `index` of `count`, from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** Where the time of some batches went, in milliseconds. */
export interface Times {
  /** Nothing computed, because no picture was ready. */
  readonly waitingMs: number;
  /** The model with its reduction. */
  readonly modelMs: number;
  readonly unreducedMs: number;
  /** All of it: also scoring and the journal. */
  readonly totalMs: number;
}

/** Averages over pictures; null where there are none. */
export interface Accuracy {
  readonly top1: number | null;
  readonly top5: number | null;
  readonly loss: number | null;
}

export interface Agreement {
  /** Pictures, and share of them, on which both models give the same answer. */
  readonly same: number;
  readonly share: number | null;
  /** Pictures that only one of the two gets right. */
  readonly rightOnlyReduced: number;
  readonly rightOnlyUnreduced: number;
}

export interface Summary extends Accuracy {
  readonly pictures: number;
  readonly failed: number;
  readonly unreduced?: Accuracy;
  readonly agreement?: Agreement;
}

export interface ClassSummary extends Summary {
  readonly label: number;
  readonly name: string;
}

/** Everything that may differ between two runs of the same evaluation. */
export interface RunFacts {
  readonly finished: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly hardware: { readonly cpu: string; readonly cores: number };
  readonly seconds: {
    readonly total: number;
    readonly waitingForDecoding: number;
    readonly model: number;
    readonly unreduced: number;
  };
  readonly waitingShare: number | null;
  /** Pictures over all the time, and over the model's alone. */
  readonly picturesPerSecond: { readonly overall: number | null; readonly model: number | null };
  /** Time of the unreduced model over that of the reduced one. */
  readonly speedup: number | null;
}

export interface EvalReport {
  readonly evaluation: "ppt-vit eval";
  readonly version: 1;
  readonly settings: EvalSettings;
  /** Null for a whole dataset, run at once or merged. */
  readonly shard: Shard | null;
  readonly tokens: readonly number[];
  /** Multiply-accumulates of one picture, 1e9. */
  readonly gmacs: { readonly unreduced: number; readonly reduced: number };
  readonly labels: readonly string[];
  readonly summary: Summary;
  /** Classes with pictures, in the model's order. */
  readonly classes: readonly ClassSummary[];
  readonly classesWithoutPictures: readonly string[];
  /** Most frequent first. */
  readonly confusions: readonly { readonly label: number; readonly predicted: number; readonly pictures: number }[];
  readonly failures: readonly FailedPicture[];
  readonly pictures: readonly ScoredPicture[];
  readonly run: RunFacts;
}

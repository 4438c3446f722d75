/** What `ppt-vit eval` records of each picture, and the document that it writes: schemas, and the types that follow from them. */
import { parseReduction, type ReductionConfig } from "@ppt-vit/core";
import * as v from "valibot";
import {
  amount,
  date,
  fingerprint,
  flag,
  list,
  name,
  record,
  share,
  text,
  versions,
  whole,
} from "../../documents/schema.js";

/** Longer paths no system opens. */
export const mostPathCharacters = 4096;
/** Room for a message that names a picture twice. */
export const mostMessageCharacters = 20_000;
const mostClasses = 1_000_000;
const mostLabelCharacters = 10_000;
/** What else holds the pictures' own limit: the size of the file. */
const mostPictures = 5_000_000;

/** Bytes of a document that is read back: some 400,000 pictures. */
export const mostDocumentBytes = 2 ** 27;

const index = whole(0);
const label = whole(0, mostClasses - 1);

/** A picture of a dataset. */
const sampleEntries = {
  /** Place in the dataset, from 0. */
  index,
  /** Path below the dataset's folder, with `/`. */
  file: name(mostPathCharacters),
  /** Index of its class among the model's labels. */
  label,
};
const sampleSchema = record(sampleEntries);
export type Sample = v.InferOutput<typeof sampleSchema>;

/** What a model says about a picture whose class is known. */
const scoreEntries = {
  /** Index of the most probable class. */
  predicted: label,
  /** How many classes are more probable than the right one: 0 is top-1, below 5 is top-5. */
  rank: label,
  /** Cross entropy in nats: -log of the right class's probability. */
  loss: amount,
};
const scoreSchema = record(scoreEntries);
export type Score = v.InferOutput<typeof scoreSchema>;

const scoredPictureSchema = record({
  ...sampleEntries,
  ...scoreEntries,
  /** What the unreduced model says, where it was asked. */
  unreduced: v.exactOptional(scoreSchema),
});
export type ScoredPicture = v.InferOutput<typeof scoredPictureSchema>;

/** A picture that could not be read, or whose logits are not finite. It counts in no average. */
const failedPictureSchema = record({
  ...sampleEntries,
  code: name(100),
  message: text(mostMessageCharacters),
});
export type FailedPicture = v.InferOutput<typeof failedPictureSchema>;

export type PictureRecord = ScoredPicture | FailedPicture;

export const isFailed = (record: PictureRecord): record is FailedPicture => "code" in record;

const pictureRecordSchema = v.lazy(
  (value): v.GenericSchema<unknown, PictureRecord> =>
    typeof value === "object" && value !== null && "code" in value ? failedPictureSchema : scoredPictureSchema,
);

/** The settings as core reads them, which knows what they may hold. */
const reductionSchema = v.pipe(
  v.unknown(),
  v.rawTransform<unknown, ReductionConfig>(({ dataset, addIssue, NEVER }) => {
    try {
      return parseReduction(dataset.value);
    } catch (error) {
      addIssue({ message: (error as Error).message.replace(/^reduction: /, "") });
      return NEVER;
    }
  }),
);

/** All that decides about the result. Two evaluations with equal settings give equal results. */
const settingsSchema = record({
  model: record({ name: text(mostPathCharacters), fingerprint }),
  backend: name(100),
  reduction: v.nullable(reductionSchema),
  /** Whether the unreduced model is asked, too. */
  agreement: flag,
  /** Pictures per run of the model: some backends round differently in batches of different sizes. */
  batch: whole(1),
  dataset: record({ path: text(mostPathCharacters), pictures: whole(1), fingerprint }),
  limit: v.nullable(whole(1)),
  decoding: record({ firstFrame: flag, maxPixels: v.nullable(whole(1)) }),
});
export type EvalSettings = v.InferOutput<typeof settingsSchema>;

/** Part `index` of `count`, from 1. */
const shardSchema = record({ index: whole(1), count: whole(1) });
export type Shard = v.InferOutput<typeof shardSchema>;

/** Where the time of some batches went, in milliseconds. */
const timesSchema = record({
  /** Nothing computed, because no picture was ready. */
  waitingMs: amount,
  /** The model with its reduction. */
  modelMs: amount,
  unreducedMs: amount,
  /** All of it: also scoring and the journal. */
  totalMs: amount,
});
export type Times = v.InferOutput<typeof timesSchema>;

/** The first line of a journal: what it was made for. */
export const journalHeaderSchema = record({
  journal: v.literal("ppt-vit eval", '"ppt-vit eval"'),
  version: v.literal(1, "1"),
  settings: settingsSchema,
  shard: v.nullable(shardSchema),
});
export type JournalHeader = v.InferOutput<typeof journalHeaderSchema>;

/** Every other line of a journal: what one batch gave. */
export const batchEntrySchema = record({
  /** Its place in the whole dataset, from 0. */
  batch: index,
  records: list(pictureRecordSchema, mostPictures),
  times: timesSchema,
});
export type BatchEntry = v.InferOutput<typeof batchEntrySchema>;

const count = whole(0);

/** Averages over pictures; null where there are none. */
const accuracyEntries = { top1: v.nullable(share), top5: v.nullable(share), loss: v.nullable(amount) };
const accuracySchema = record(accuracyEntries);
export type Accuracy = v.InferOutput<typeof accuracySchema>;

const agreementSchema = record({
  /** Pictures, and share of them, on which both models give the same answer. */
  same: count,
  share: v.nullable(share),
  /** Pictures that only one of the two gets right. */
  rightOnlyReduced: count,
  rightOnlyUnreduced: count,
});
export type Agreement = v.InferOutput<typeof agreementSchema>;

const summaryEntries = {
  pictures: count,
  failed: count,
  ...accuracyEntries,
  unreduced: v.exactOptional(accuracySchema),
  agreement: v.exactOptional(agreementSchema),
};
const summarySchema = record(summaryEntries);
export type Summary = v.InferOutput<typeof summarySchema>;

const className = text(mostLabelCharacters);
const classSummarySchema = record({ label, name: className, ...summaryEntries });
export type ClassSummary = v.InferOutput<typeof classSummarySchema>;

/** Everything that may differ between two runs of the same evaluation. */
const runFactsSchema = record({
  finished: date,
  versions,
  hardware: record({ cpu: text(1000), cores: whole(1) }),
  seconds: record({ total: amount, waitingForDecoding: amount, model: amount, unreduced: amount }),
  waitingShare: v.nullable(amount),
  /** Pictures over all the time, and over the model's alone. */
  picturesPerSecond: record({ overall: v.nullable(amount), model: v.nullable(amount) }),
  /** Time of the unreduced model over that of the reduced one. */
  speedup: v.nullable(amount),
});
export type RunFacts = v.InferOutput<typeof runFactsSchema>;

/** The document of `--out`. */
export const evalReportSchema = record({
  evaluation: v.literal("ppt-vit eval", '"ppt-vit eval"'),
  version: v.literal(1, "1"),
  settings: settingsSchema,
  /** Null for a whole dataset, run at once or merged. */
  shard: v.nullable(shardSchema),
  /** Before the first block, and after each that reduces. */
  tokens: list(whole(1), 1000, 1),
  /** Multiply-accumulates of one picture, 1e9. */
  gmacs: record({ unreduced: amount, reduced: amount }),
  labels: list(className, mostClasses, 1),
  summary: summarySchema,
  /** Classes with pictures, in the model's order. */
  classes: list(classSummarySchema, mostClasses),
  classesWithoutPictures: list(className, mostClasses),
  /** Most frequent first. */
  confusions: list(record({ label, predicted: label, pictures: whole(1) }), mostPictures),
  failures: list(failedPictureSchema, mostPictures),
  pictures: list(scoredPictureSchema, mostPictures),
  run: runFactsSchema,
});
export type EvalReport = v.InferOutput<typeof evalReportSchema>;

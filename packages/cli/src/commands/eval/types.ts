/** Schemas and types of what `ppt-vit eval` records of each picture and of the document that it writes. */
import { quantizedDtypeNames } from "@ppt-vit/core";
import * as v from "valibot";
import { reductionSchema } from "../../documents/reduction.js";
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

/** No system opens longer paths. */
export const mostPathCharacters = 4096;
/** Enough for a message that contains a picture's path twice. */
export const mostMessageCharacters = 20_000;
const mostClasses = 1_000_000;
const mostLabelCharacters = 10_000;
/** Documents reach their limit of bytes before this one. */
const mostPictures = 5_000_000;

/** The largest document that is read back, in bytes: some 400,000 pictures. */
export const mostDocumentBytes = 2 ** 27;

const comparedDtype = v.picklist(quantizedDtypeNames, `one of ${quantizedDtypeNames.join(", ")}`);
const cosineRange = "a number from -1 to 1";
const cosine = v.pipe(v.number(cosineRange), v.minValue(-1, cosineRange), v.maxValue(1, cosineRange));
/** Settings that one evaluation compares. */
export const mostReductions = 100;
const index = whole(0);
const label = whole(0, mostClasses - 1);

/** A picture of a dataset. */
const sampleEntries = {
  /** Position in the dataset, from 0. */
  index,
  /** Path below the dataset's folder, with `/`. */
  file: name(mostPathCharacters),
};

const sampleSchema = record({
  ...sampleEntries,
  /** Index of its class among the model's labels. Left out in a dataset without labels. */
  label: v.exactOptional(label),
});
export type Sample = v.InferOutput<typeof sampleSchema>;

/** A model's answer to a picture whose class is known. */
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

/** Something for each precision that is compared with fp32. */
const byDtype = <Entry extends v.GenericSchema>(entry: Entry) =>
  v.pipe(v.record(comparedDtype, entry, "an object with a field for each precision"), v.readonly());

/** An answer beside the one that it is compared with. */
const differenceEntries = {
  /** Of a classifier: whether its most probable class is the other's. */
  same: v.exactOptional(flag),
  /** Of a classifier: Kullback-Leibler divergence of its probabilities from the other's, in nats. */
  divergence: v.exactOptional(amount),
  /** Of a model without a classifier: cosine of the angle between its embedding and the other. */
  cosine: v.exactOptional(cosine),
  /** Of a model that estimates depth: what is left of the other map, relative to it, after the best scale of its own. */
  depthError: v.exactOptional(amount),
};
const differenceSchema = record(differenceEntries);
export type AnswerDifference = v.InferOutput<typeof differenceSchema>;

/** A model's answer in one precision, beside that of the same model in fp32. */
const dtypeAnswerSchema = record({
  /** If the picture has a label. */
  score: v.exactOptional(scoreSchema),
  ...differenceEntries,
  /** For each stage in which the policy decides about each picture: whether it decided as in fp32. */
  decisions: list(flag, 1000),
});
export type DtypeAnswer = v.InferOutput<typeof dtypeAnswerSchema>;

const comparedEntries = { dtypes: v.exactOptional(byDtype(dtypeAnswerSchema)) };

const scoredPictureSchema = record({
  ...sampleEntries,
  label,
  ...scoreEntries,
  /** The unreduced model's answer, if agreement is measured. */
  unreduced: v.exactOptional(scoreSchema),
  /** The answers under the other settings of `settings.reductions`, from the second on. */
  reductions: v.exactOptional(list(scoreSchema, mostReductions)),
  ...comparedEntries,
});
export type ScoredPicture = v.InferOutput<typeof scoredPictureSchema>;

/** A picture without a label: nothing is known but how its answers differ. */
const comparedPictureSchema = record({
  ...sampleEntries,
  /** How the answer differs from the unreduced model's, if agreement is measured. */
  unreduced: v.exactOptional(differenceSchema),
  /** The same of the answers under the other settings of `settings.reductions`, from the second on. */
  reductions: v.exactOptional(list(differenceSchema, mostReductions)),
  ...comparedEntries,
});
export type ComparedPicture = v.InferOutput<typeof comparedPictureSchema> & { readonly label?: undefined };

/** A picture that could not be read, or whose answers are not finite. Averages leave it out. */
const failedPictureSchema = record({
  ...sampleEntries,
  label: v.exactOptional(label),
  code: name(100),
  message: text(mostMessageCharacters),
});
export type FailedPicture = v.InferOutput<typeof failedPictureSchema>;

export type UsedPicture = ScoredPicture | ComparedPicture;
export type PictureRecord = UsedPicture | FailedPicture;

export const isFailed = (record: PictureRecord): record is FailedPicture => "code" in record;
export const isScored = (record: PictureRecord): record is ScoredPicture => "rank" in record;
export const isUnlabelled = (record: PictureRecord): record is ComparedPicture =>
  !isFailed(record) && !isScored(record);

const has = (value: unknown, field: string) => typeof value === "object" && value !== null && field in value;

/** A picture with any field of a score is held to all of them, so that an error names the one that is missing. */
const usedPictureSchema = v.lazy(
  (value): v.GenericSchema<unknown, UsedPicture> =>
    (has(value, "dtypes") || has(value, "unreduced")) &&
    !["label", ...Object.keys(scoreEntries)].some((field) => has(value, field))
      ? comparedPictureSchema
      : scoredPictureSchema,
);
const pictureRecordSchema = v.lazy(
  (value): v.GenericSchema<unknown, PictureRecord> => (has(value, "code") ? failedPictureSchema : usedPictureSchema),
);

/** Everything that determines the result: two evaluations with equal settings give equal results. */
const settingsSchema = record({
  model: record({ name: text(mostPathCharacters), fingerprint }),
  backend: name(100),
  /** The precision of the weights. Left out for fp32, as documents from before it had a name leave it out. */
  dtype: v.exactOptional(comparedDtype),
  /** The precisions that are compared with fp32. Left out if there are none. */
  compareDtypes: v.exactOptional(list(comparedDtype, quantizedDtypeNames.length, 1)),
  /** Left out where every picture has a label. */
  labelled: v.exactOptional(v.literal(false, "false")),
  reduction: v.nullable(reductionSchema),
  /** All settings that are compared, by the names that `--reduction` gave; `reduction` is the first. Left out if there is only one. */
  reductions: v.exactOptional(
    list(record({ name: name(mostPathCharacters), reduction: reductionSchema }), mostReductions, 2),
  ),
  /** Whether the unreduced model runs too. */
  agreement: flag,
  /** Pictures per run of the model. It matters because some backends round differently for other batch sizes. */
  batch: whole(1),
  dataset: record({ path: text(mostPathCharacters), pictures: whole(1), fingerprint }),
  limit: v.nullable(whole(1)),
  decoding: record({ firstFrame: flag, maxPixels: v.nullable(whole(1)) }),
});
export type EvalSettings = v.InferOutput<typeof settingsSchema>;

/** Part `index` of `count`, from 1. */
const shardSchema = record({ index: whole(1), count: whole(1) });
export type Shard = v.InferOutput<typeof shardSchema>;

/** How long the parts of a batch took, in milliseconds. */
const timesSchema = record({
  /** Waiting for decoded pictures. */
  waitingMs: amount,
  /** Runs of the reduced model. */
  modelMs: amount,
  unreducedMs: amount,
  /** Runs of the model in each precision that is compared. */
  dtypesMs: v.exactOptional(byDtype(amount)),
  /** Runs under each of the other settings. */
  reductionsMs: v.exactOptional(list(amount, mostReductions)),
  /** Everything, including scoring and writing the journal. */
  totalMs: amount,
});
export type Times = v.InferOutput<typeof timesSchema>;

/** The first line of a journal: the settings for which it was made. */
export const journalHeaderSchema = record({
  journal: v.literal("ppt-vit eval", '"ppt-vit eval"'),
  version: v.literal(1, "1"),
  settings: settingsSchema,
  shard: v.nullable(shardSchema),
});
export type JournalHeader = v.InferOutput<typeof journalHeaderSchema>;

/** Every other line of a journal: the records of one batch. */
export const batchEntrySchema = record({
  /** Number of the batch in the whole dataset, from 0. */
  batch: index,
  records: list(pictureRecordSchema, mostPictures),
  times: timesSchema,
});
export type BatchEntry = v.InferOutput<typeof batchEntrySchema>;

const count = whole(0);

/** Averages over pictures; null if there are none. */
const accuracyEntries = { top1: v.nullable(share), top5: v.nullable(share), loss: v.nullable(amount) };
const accuracySchema = record(accuracyEntries);
export type Accuracy = v.InferOutput<typeof accuracySchema>;

const agreementSchema = record({
  /** Number and share of the pictures to which both models give the same answer. */
  same: count,
  share: v.nullable(share),
  /** Numbers of pictures that only one of the two models gets right. */
  rightOnlyReduced: count,
  rightOnlyUnreduced: count,
});
export type Agreement = v.InferOutput<typeof agreementSchema>;

/** A field is left out if no picture tells anything about it. */
const differenceSummaryEntries = {
  /** Number and share of the pictures with the same answer, and a 95 % Clopper-Pearson interval of that share. */
  answers: v.exactOptional(
    record({ same: count, share, interval95: v.pipe(v.tuple([share, share], "two shares"), v.readonly()) }),
  ),
  divergence: v.exactOptional(record({ mean: amount, p99: amount })),
  cosine: v.exactOptional(record({ mean: cosine, p1: cosine })),
  depthError: v.exactOptional(record({ mean: amount, p99: amount })),
};
const differenceSummarySchema = record(differenceSummaryEntries);
export type DifferenceSummary = v.InferOutput<typeof differenceSummarySchema>;

const summaryEntries = {
  pictures: count,
  failed: count,
  ...accuracyEntries,
  unreduced: v.exactOptional(accuracySchema),
  agreement: v.exactOptional(agreementSchema),
  /** Of pictures without labels: how the answers differ from the unreduced model's, if agreement is measured. */
  difference: v.exactOptional(differenceSummarySchema),
};

/** A field is left out if no picture tells anything about it. */
const dtypeSummarySchema = record({
  accuracy: v.exactOptional(accuracySchema),
  ...differenceSummaryEntries,
  /** Decisions about a picture: those as in fp32, all, and for each stage those as in fp32. The share is null without any. */
  decisions: record({ same: count, of: count, share: v.nullable(share), byStage: list(count, 1000) }),
});
export type DtypeSummary = v.InferOutput<typeof dtypeSummarySchema>;

/** What other settings than the first give, on the same pictures. */
const reductionSummarySchema = record({
  name: name(mostPathCharacters),
  ...accuracyEntries,
  /** With the unreduced model, if it runs too. */
  agreement: v.exactOptional(agreementSchema),
  difference: v.exactOptional(differenceSummarySchema),
  /** Beside the first settings, picture by picture. Pictures without labels tell nothing about that. */
  besideFirst: v.exactOptional(
    record({
      same: count,
      rightOnlyThis: count,
      rightOnlyFirst: count,
      /** Two-sided exact McNemar test: how probable so uneven a split of the two counts is if both settings are equally good. */
      pValue: share,
    }),
  ),
});
export type ReductionSummary = v.InferOutput<typeof reductionSummarySchema>;

const summarySchema = record({
  ...summaryEntries,
  dtypes: v.exactOptional(byDtype(dtypeSummarySchema)),
  reductions: v.exactOptional(list(reductionSummarySchema, mostReductions)),
});
export type Summary = v.InferOutput<typeof summarySchema>;

const className = text(mostLabelCharacters);
const classSummarySchema = record({ label, name: className, ...summaryEntries });
export type ClassSummary = v.InferOutput<typeof classSummarySchema>;

/** Facts that may differ between two runs of the same evaluation. */
const runFactsSchema = record({
  finished: date,
  versions,
  hardware: record({ cpu: text(1000), cores: whole(1) }),
  seconds: record({
    total: amount,
    waitingForDecoding: amount,
    model: amount,
    unreduced: amount,
    dtypes: v.exactOptional(byDtype(amount)),
    reductions: v.exactOptional(list(amount, mostReductions)),
  }),
  waitingShare: v.nullable(amount),
  /** Per second of the whole run, and per second of the model alone. */
  picturesPerSecond: record({
    overall: v.nullable(amount),
    model: v.nullable(amount),
    dtypes: v.exactOptional(byDtype(v.nullable(amount))),
    reductions: v.exactOptional(list(v.nullable(amount), mostReductions)),
  }),
  /** Time of the unreduced model divided by that of the reduced one. */
  speedup: v.nullable(amount),
});
export type RunFacts = v.InferOutput<typeof runFactsSchema>;

/** The document that `--out` names. */
export const evalReportSchema = record({
  evaluation: v.literal("ppt-vit eval", '"ppt-vit eval"'),
  version: v.literal(1, "1"),
  settings: settingsSchema,
  /** Null for a whole dataset, run at once or merged from shards. */
  shard: v.nullable(shardSchema),
  /** Numbers of tokens: before the first block, and after each block that reduces. */
  tokens: list(whole(1), 1000, 1),
  /** Multiply-accumulates of one picture, in 1e9. */
  gmacs: record({ unreduced: amount, reduced: amount, reductions: v.exactOptional(list(amount, mostReductions)) }),
  /** Empty for a model without a classifier. */
  labels: list(className, mostClasses),
  summary: summarySchema,
  /** The classes that have pictures, in the model's order. */
  classes: list(classSummarySchema, mostClasses),
  classesWithoutPictures: list(className, mostClasses),
  /** Most frequent first. */
  confusions: list(record({ label, predicted: label, pictures: whole(1) }), mostPictures),
  failures: list(failedPictureSchema, mostPictures),
  pictures: list(usedPictureSchema, mostPictures),
  run: runFactsSchema,
});
export type EvalReport = v.InferOutput<typeof evalReportSchema>;

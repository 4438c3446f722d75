/** Checks what no schema can: that the records of a result fit its settings, and that its sums follow from its records. */

import { posix } from "node:path";
import { counted } from "@ppt-vit/core/options";
import { quoted } from "../../documents/quoted.js";
import type { Complain } from "../../documents/schema.js";
import { reportOf } from "./report.js";
import {
  type AnswerDifference,
  type DtypeAnswer,
  type EvalReport,
  type EvalSettings,
  isFailed,
  isScored,
  isUnlabelled,
  type PictureRecord,
  type Score,
  type Shard,
  type UsedPicture,
} from "./types.js";

/** The number of the shard that holds a picture, from 1. */
const shardOf = (index: number, { batch }: EvalSettings, { count }: Shard): number =>
  (Math.floor(index / batch) % count) + 1;

/** How many pictures a shard holds. Computed instead of counted, because a document may claim a huge number. */
export function picturesOf({ batch, dataset: { pictures } }: EvalSettings, shard: Shard | null): number {
  if (!shard) return pictures;
  const batches = Math.ceil(pictures / batch);
  const own = Math.max(0, Math.ceil((batches - (shard.index - 1)) / shard.count));
  const hasLast = own > 0 && (batches - 1) % shard.count === shard.index - 1;
  return own * batch - (hasLast ? batches * batch - pictures : 0);
}

/** What a record is checked against. */
export interface RecordChecks {
  readonly settings: Pick<EvalSettings, "agreement" | "compareDtypes" | "labelled" | "reductions">;
  /** How many classes the model has. */
  readonly classes: number;
  /** How many stages its reduction has. */
  readonly stages: number;
  /** Where the record stands in its document. */
  readonly path: string;
  readonly complain: Complain;
}

type DifferenceChecks = Pick<RecordChecks, "classes" | "path" | "complain">;

/** Checks one record: the model has its classes, its ranks fit its answers, and it holds what the settings ask for. */
export function requireRecord(record: PictureRecord, checks: RecordChecks): void {
  const { settings, classes, path, complain } = checks;
  const labelled = settings.labelled ?? true;
  const { label } = record;
  const within = (field: string, value: number) => {
    if (value >= classes)
      complain(
        `${path}.${field}`,
        `is ${value}, expected 0 to ${classes - 1}: the model has ${counted(classes, "class", "classes")}`,
      );
  };
  if ((label !== undefined) !== labelled)
    complain(`${path}.label`, labelled ? "is missing" : `is ${label}, but settings.labelled is false`);
  if (label !== undefined) within("label", label);
  if (isFailed(record)) return;
  const score = ({ predicted, rank }: Score, prefix: string) => {
    within(`${prefix}predicted`, predicted);
    within(`${prefix}rank`, rank);
    if ((rank === 0) !== (predicted === label))
      complain(
        `${path}.${prefix}rank`,
        `is ${rank}, which does not fit label ${label} and the answer ${predicted}: 0 is the right answer's`,
      );
  };
  const scored = isScored(record) ? record : undefined;
  if (labelled && !scored) complain(`${path}.rank`, "is missing");
  if (scored) score(scored, "");
  if ((record.unreduced !== undefined) !== settings.agreement)
    complain(
      `${path}.unreduced`,
      settings.agreement ? "is missing: settings.agreement is true" : "is there, but settings.agreement is false",
    );
  const others = record.reductions?.length ?? 0;
  const expected = Math.max(0, (settings.reductions?.length ?? 1) - 1);
  if (others !== expected)
    complain(`${path}.reductions`, `are ${others}, expected ${expected}: settings.reductions after the first`);
  if (scored) {
    if (scored.unreduced) score(scored.unreduced, "unreduced.");
    for (const [i, other] of (scored.reductions ?? []).entries()) score(other, `reductions[${i}].`);
  } else if (isUnlabelled(record)) {
    if (record.unreduced) requireDifference(record.unreduced, "unreduced.", checks);
    for (const [i, other] of (record.reductions ?? []).entries()) requireDifference(other, `reductions[${i}].`, checks);
  }
  requireDtypes(record, checks, (answer, prefix) => answer.score && score(answer.score, `${prefix}score.`));
}

/** Checks the answers in other precisions: all that the settings name, and each complete. */
function requireDtypes(
  record: UsedPicture,
  checks: RecordChecks,
  checkScore: (answer: DtypeAnswer, prefix: string) => void,
): void {
  const { settings, stages, path, complain } = checks;
  const compared: readonly string[] = settings.compareDtypes ?? [];
  const wrong = Object.keys(record.dtypes ?? {}).find((dtype) => !compared.includes(dtype));
  if (wrong !== undefined) complain(`${path}.dtypes.${wrong}`, "is there, but settings.compareDtypes does not name it");
  for (const dtype of settings.compareDtypes ?? []) {
    const prefix = `dtypes.${dtype}.`;
    const answer =
      record.dtypes?.[dtype] ?? complain(`${path}.dtypes.${dtype}`, "is missing: settings.compareDtypes names it");
    if ((answer.score !== undefined) !== isScored(record))
      complain(`${path}.${prefix}score`, isScored(record) ? "is missing" : "is there, where the picture has no label");
    requireDifference(answer, prefix, checks);
    checkScore(answer, prefix);
    if (isScored(record) && answer.same !== (answer.score?.predicted === record.predicted))
      complain(`${path}.${prefix}same`, `is ${answer.same}, which does not fit the answers`);
    if (answer.decisions.length > stages)
      complain(`${path}.${prefix}decisions`, `are ${answer.decisions.length}, expected at most ${stages}: the stages`);
  }
}

/** Checks that two answers were compared as a model of so many classes gives them. */
function requireDifference(
  found: AnswerDifference,
  prefix: string,
  { classes, path, complain }: DifferenceChecks,
): void {
  const present = (field: keyof AnswerDifference, expected: boolean) => {
    if ((found[field] !== undefined) !== expected)
      complain(`${path}.${prefix}${field}`, expected ? "is missing" : "is there, where this model has none");
  };
  for (const field of ["same", "divergence"] as const) present(field, classes > 0);
  // A model without classes gives one of two kinds of answers.
  if (found.depthError === undefined) present("cosine", classes === 0);
  else for (const field of ["cosine", "depthError"] as const) present(field, field === "depthError" && classes === 0);
}

/** Checks a whole result. @throws what `complain` throws, about the first field that is inconsistent */
export function requireConsistent(report: EvalReport, complain: Complain): void {
  const { settings, shard, labels, tokens, pictures, failures } = report;
  const total = settings.dataset.pictures;
  if (shard && shard.index > shard.count)
    complain("shard.index", `is ${shard.index}, expected 1 to ${shard.count}: there are so many shards`);
  if (settings.limit !== null && total > settings.limit)
    complain("settings.dataset.pictures", `is ${total}, expected at most ${settings.limit}: settings.limit`);
  if (settings.dtype !== undefined && settings.compareDtypes)
    complain("settings.compareDtypes", "is there with a settings.dtype: precisions are compared with fp32 only");
  requireReductions(report, complain);
  if (settings.labelled === false && !settings.compareDtypes && !settings.agreement)
    complain("settings.compareDtypes", "is missing: without labels and agreement nothing else is measured");
  if (labels.length === 0 && settings.labelled !== false)
    complain("labels", "are missing, and settings.labelled is not false");
  if (settings.agreement && settings.reduction === null)
    complain("settings.agreement", "is true without a settings.reduction: nothing could agree or not");
  for (const [i, after] of tokens.entries())
    if (i > 0 && after >= tokens[i - 1]!)
      complain(`tokens[${i}]`, `is ${after}, expected fewer than the ${tokens[i - 1]} before`);

  // A shard without pictures ran nothing, and has no times.
  const { seconds, picturesPerSecond } = report.run;
  for (const [path, times] of Object.entries({ seconds, picturesPerSecond }))
    for (const dtype of settings.compareDtypes ?? [])
      if (times.dtypes && !(dtype in times.dtypes))
        complain(`run.${path}.dtypes.${dtype}`, "is missing: settings.compareDtypes names it");

  const indices = new Set<number>();
  const files = new Set<string>();
  const inspect = (list: "pictures" | "failures", records: readonly PictureRecord[]) => {
    for (const [i, record] of records.entries()) {
      const path = `${list}[${i}]`;
      const { index, file } = record;
      if (index >= total)
        complain(`${path}.index`, `is ${index}, expected 0 to ${total - 1}: settings.dataset.pictures is ${total}`);
      if (shard && shardOf(index, settings, shard) !== shard.index)
        complain(
          `${path}.index`,
          `is ${index}, a picture of shard ${shardOf(index, settings, shard)}, and this is shard ${shard.index}`,
        );
      if (indices.has(index)) complain(`${path}.index`, `is ${index}, as that of another picture`);
      indices.add(index);
      const name = posix.normalize(file);
      if (files.has(name)) complain(`${path}.file`, `is ${quoted(file)}, as that of another picture`);
      files.add(name);
      requireRecord(record, { settings, classes: labels.length, stages: tokens.length - 1, path, complain });
    }
  };
  inspect("pictures", pictures);
  inspect("failures", failures);
  const expected = picturesOf(settings, shard);
  if (indices.size !== expected)
    complain(
      "pictures",
      `are ${indices.size} with failures, expected ${expected}${shard ? `, which is shard ${shard.index} of ${shard.count}` : ""}: settings.dataset.pictures is ${total}`,
    );

  const { summary, classes, classesWithoutPictures, confusions } = reportOf(report, [...pictures, ...failures]);
  const again = { summary, classes, classesWithoutPictures, confusions };
  for (const field of Object.keys(again) as (keyof typeof again)[])
    requireEqual(report[field], again[field], field, complain);
}

/** Several settings are all there, and the first of them is the one that everything else is about. */
function requireReductions({ settings, gmacs }: EvalReport, complain: Complain): void {
  const { reductions, reduction, compareDtypes } = settings;
  const others = gmacs.reductions?.length ?? 0;
  if (others !== Math.max(0, (reductions?.length ?? 1) - 1))
    complain("gmacs.reductions", `are ${others}, expected those of settings.reductions after the first`);
  if (!reductions) return;
  requireEqual(reductions[0]!.reduction, reduction, "settings.reductions[0].reduction", (path) =>
    complain(path, "is not settings.reduction, which is the first"),
  );
  const again = reductions.findIndex(({ name }, i) => reductions.findIndex((one) => one.name === name) < i);
  if (again >= 0)
    complain(`settings.reductions[${again}].name`, `is ${quoted(reductions[again]!.name)}, as an earlier one`);
  if (compareDtypes) complain("settings.compareDtypes", "is there with several settings.reductions");
}

/** Averages that another version computed may differ in their last bits. */
const equalNumbers = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b));

/** Compares a field with what follows from the records. */
function requireEqual(found: unknown, expected: unknown, path: string, complain: Complain): void {
  if (typeof found === "number" && typeof expected === "number" && equalNumbers(found, expected)) return;
  if (Array.isArray(found) && Array.isArray(expected)) {
    if (found.length !== expected.length)
      complain(path, `has ${counted(found.length, "entry", "entries")}, but the pictures give ${expected.length}`);
    for (const [i, value] of found.entries()) requireEqual(value, expected[i], `${path}[${i}]`, complain);
    return;
  }
  if (typeof found === "object" && typeof expected === "object" && found !== null && expected !== null) {
    const [has, gives] = [found, expected] as Record<string, unknown>[];
    for (const key of Object.keys({ ...has, ...gives }))
      requireEqual(has![key], gives![key], `${path}.${key}`, complain);
    return;
  }
  if (found !== expected) complain(path, `is ${quoted(found)}, but the pictures give ${quoted(expected)}`);
}

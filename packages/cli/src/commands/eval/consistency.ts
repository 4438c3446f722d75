/** Checks what no schema can: that the records of a result fit its settings, and that its sums follow from its records. */
import { posix } from "node:path";
import { quoted } from "../../documents/quoted.js";
import type { Complain } from "../../documents/schema.js";
import { reportOf } from "./report.js";
import { type EvalReport, type EvalSettings, isFailed, type PictureRecord, type Score, type Shard } from "./types.js";

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

/** Checks one record: the model has its classes, its rank fits its answer, and it has an unreduced score if there is agreement. */
export function requireRecord(
  record: PictureRecord,
  { classes, agreement, path, complain }: { classes: number; agreement: boolean; path: string; complain: Complain },
): void {
  const within = (field: string, value: number) => {
    if (value >= classes)
      complain(`${path}.${field}`, `is ${value}, expected 0 to ${classes - 1}: the model has ${classes} classes`);
  };
  within("label", record.label);
  if (isFailed(record)) return;
  const score = ({ predicted, rank }: Score, prefix: string) => {
    within(`${prefix}predicted`, predicted);
    within(`${prefix}rank`, rank);
    if ((rank === 0) !== (predicted === record.label))
      complain(
        `${path}.${prefix}rank`,
        `is ${rank}, which does not fit label ${record.label} and the answer ${predicted}: 0 is the right answer's`,
      );
  };
  score(record, "");
  if ((record.unreduced !== undefined) !== agreement)
    complain(
      `${path}.unreduced`,
      agreement ? "is missing: settings.agreement is true" : "is there, but settings.agreement is false",
    );
  if (record.unreduced) score(record.unreduced, "unreduced.");
}

/** Checks a whole result. @throws what `complain` throws, about the first field that is inconsistent */
export function requireConsistent(report: EvalReport, complain: Complain): void {
  const { settings, shard, labels, tokens, pictures, failures } = report;
  const total = settings.dataset.pictures;
  if (shard && shard.index > shard.count)
    complain("shard.index", `is ${shard.index}, expected 1 to ${shard.count}: there are so many shards`);
  if (settings.limit !== null && total > settings.limit)
    complain("settings.dataset.pictures", `is ${total}, expected at most ${settings.limit}: settings.limit`);
  if (settings.agreement && settings.reduction === null)
    complain("settings.agreement", "is true without a settings.reduction: nothing could agree or not");
  for (const [i, after] of tokens.entries())
    if (i > 0 && after >= tokens[i - 1]!)
      complain(`tokens[${i}]`, `is ${after}, expected fewer than the ${tokens[i - 1]} before`);

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
      requireRecord(record, { classes: labels.length, agreement: settings.agreement, path, complain });
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

/** Averages that another version computed may differ in their last bits. */
const equalNumbers = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b));

/** Compares a field with what follows from the records. */
function requireEqual(found: unknown, expected: unknown, path: string, complain: Complain): void {
  if (typeof found === "number" && typeof expected === "number" && equalNumbers(found, expected)) return;
  if (Array.isArray(found) && Array.isArray(expected)) {
    if (found.length !== expected.length)
      complain(path, `has ${found.length} entries, but the pictures give ${expected.length}`);
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

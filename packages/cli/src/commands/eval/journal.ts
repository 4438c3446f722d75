/**
 * The journal of an evaluation: one line per batch, written to the disk before the next batch begins. An evaluation that was
 * interrupted at any point goes on from it.
 */
import { statSync } from "node:fs";
import { PptError } from "@ppt-vit/core";
import { differences } from "../../documents/differences.js";
import { parseJson } from "../../documents/json.js";
import { cut, quoted } from "../../documents/quoted.js";
import { decodeText, readChunks } from "../../documents/read.js";
import { checked, complainer } from "../../documents/schema.js";
import { openJournalFile } from "../../files/journal-file.js";
import type { Lock } from "../../files/lock.js";
import { plainStat } from "../../files/write-file.js";
import { requireRecord } from "./consistency.js";
import type { Batch } from "./run.js";
import { type BatchEntry, batchEntrySchema, type JournalHeader, journalHeaderSchema } from "./types.js";

export interface Journal {
  /** What earlier runs recorded. */
  readonly done: readonly BatchEntry[];
  append(entry: BatchEntry): void;
  close(): void;
}

/** What a journal must match. */
export interface ExpectedJournal {
  readonly header: JournalHeader;
  /** The batches of this shard. A journal with other batches is not believed. */
  readonly batches: readonly Batch[];
  /** How many classes the model has, and how many stages its reduction has. */
  readonly classes: number;
  readonly stages: number;
}

/** The first characters of every journal. */
const firstWords = '{"journal":"ppt-vit eval",';
const remedy = ": choose another --out, or remove the file";

/**
 * Opens a journal or starts one. If the last line is cut off, it is dropped and its batch is computed again. The caller holds the
 * lock; it is checked before every line.
 * @throws PptError INVALID_OPTION if the journal was made for other settings; INVALID_INPUT if a line is not of this evaluation (the
 * file stays as it was); WRITE_FAILED
 */
export function openJournal(path: string, expected: ExpectedJournal, lock: Pick<Lock, "require">): Journal {
  const { found, append, close } = openJournalFile(path, {
    header: expected.header,
    remedy,
    read: () => parseJournal(readChunks(path, Number.POSITIVE_INFINITY), path, expected),
    requireOwner: () => lock.require(),
  });
  return { done: found?.done ?? [], append, close };
}

/** The longest line: the records of a batch, each with a path and perhaps a message, in which every character may be escaped. */
const mostLineBytes = (batch: number): number => 2 ** 20 + batch * 2 ** 17;

/**
 * Reads a journal: whether its first line is complete, its batches, and how many bytes its complete lines have. Only lines that
 * this evaluation can have written are accepted.
 * @throws PptError INVALID_INPUT that names the line and the field; INVALID_OPTION if it was made for other settings
 */
export function parseJournal(
  chunks: Iterable<Uint8Array>,
  path: string,
  expected: ExpectedJournal,
): { readonly started: boolean; readonly done: readonly BatchEntry[]; readonly bytes: number } {
  const { header, batches } = expected;
  const samplesOf = new Map(batches.map(({ number, samples }) => [number, samples]));
  const done: BatchEntry[] = [];
  let bytes = 0;
  let number = 0;
  for (const { line, whole } of linesOf(chunks, path, mostLineBytes(header.settings.batch))) {
    number++;
    const where = `${path}: line ${number}`;
    if (!whole) {
      // If not even the first line is complete, this may be a journal that was cut off, or another file.
      const text = new TextDecoder().decode(line);
      if (number === 1 && !text.startsWith(firstWords) && !firstWords.startsWith(text)) refuseForeign(path);
      break;
    }
    if (number === 1) requireSame(parseHeader(line, where, path), header, path);
    else done.push(parseEntry(line, where, { ...expected, samplesOf, last: done.at(-1)?.batch ?? -1 }));
    bytes += line.length + 1;
  }
  return { started: bytes > 0, done, bytes };
}

/** The lines, without their line ends. The last one is not `whole` if its line end is missing. */
function* linesOf(
  chunks: Iterable<Uint8Array>,
  path: string,
  most: number,
): Generator<{ readonly line: Uint8Array; readonly whole: boolean }> {
  let rest: Uint8Array[] = [];
  let length = 0;
  let number = 1;
  const add = (part: Uint8Array) => {
    length += part.length;
    if (length > most) complainer(path)("", `line ${number} is longer than ${most} bytes${remedy}`);
    rest.push(part);
  };
  for (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      add(chunk.subarray(start, end));
      yield { line: rest.length === 1 ? rest[0]! : Buffer.concat(rest), whole: true };
      [rest, length] = [[], 0];
      number++;
      start = end + 1;
    }
    if (start < chunk.length) add(chunk.subarray(start));
  }
  if (rest.length > 0) yield { line: Buffer.concat(rest), whole: false };
}

const refuseForeign = (path: string, cause?: unknown): never => {
  throw new PptError("INVALID_INPUT", `${path}: line 1 is not of a journal of ppt-vit eval${remedy}`, { cause });
};

function parseHeader(line: Uint8Array, where: string, path: string): JournalHeader {
  let json: unknown;
  try {
    json = parseJson(decodeText(line, where), where);
  } catch (cause) {
    return refuseForeign(path, cause);
  }
  if ((json as { journal?: unknown } | null)?.journal !== "ppt-vit eval") return refuseForeign(path);
  return checked(journalHeaderSchema, json, complainer(where, remedy));
}

/** The backend on which the evaluation of a journal runs; undefined if there is none, or if its first line is not of a journal. */
export function backendOf(path: string): string | undefined {
  try {
    if (!statSync(path, plainStat).isFile()) return undefined;
    const [first] = linesOf(readChunks(path, Number.POSITIVE_INFINITY), path, mostLineBytes(1));
    return first?.whole ? parseHeader(first.line, path, path).settings.backend : undefined;
  } catch {
    // `openJournal` says what is wrong with it.
    return undefined;
  }
}

interface ExpectedEntry extends ExpectedJournal {
  readonly samplesOf: ReadonlyMap<number, Batch["samples"]>;
  /** The batch of the previous line. */
  readonly last: number;
}

function parseEntry(line: Uint8Array, where: string, expected: ExpectedEntry): BatchEntry {
  const { header, classes, stages, samplesOf, last } = expected;
  const complain = complainer(where, remedy);
  const entry = checked(batchEntrySchema, parseJson(decodeText(line, where), where), complain);
  for (const dtype of header.settings.compareDtypes ?? [])
    if (entry.times.dtypesMs?.[dtype] === undefined)
      complain(`times.dtypesMs.${dtype}`, "is missing: settings.compareDtypes names it");
  const samples = samplesOf.get(entry.batch);
  if (!samples) return complain("batch", `is ${entry.batch}, which this evaluation does not have`);
  if (entry.batch <= last)
    return complain("batch", `is ${entry.batch}, expected more than the ${last} of the line before`);
  if (entry.records.length !== samples.length)
    return complain("records", `are ${entry.records.length}, expected ${samples.length}: the pictures of this batch`);
  for (const [i, record] of entry.records.entries()) {
    const path = `records[${i}]`;
    for (const field of ["index", "file", "label"] as const)
      if (record[field] !== samples[i]![field])
        complain(`${path}.${field}`, `is ${quoted(record[field])}, expected ${quoted(samples[i]![field])}`);
    requireRecord(record, { settings: header.settings, classes, stages, path, complain });
  }
  return entry;
}

/** The settings that two evaluations must share. Names and paths of the same weights and pictures may differ. */
export const comparable = ({
  settings,
  shard,
}: Pick<JournalHeader, "settings" | "shard">): Record<string, unknown> => ({
  ...settings,
  model: settings.model.fingerprint,
  dataset: { pictures: settings.dataset.pictures, fingerprint: settings.dataset.fingerprint },
  shard,
});

function requireSame(found: JournalHeader, header: JournalHeader, path: string): void {
  const differing = differences(comparable(found), comparable(header));
  if (differing.length === 0) return;
  const onlyBackend = differing.length === 1 && found.settings.backend !== header.settings.backend;
  const goOn = onlyBackend ? `Pass --backend ${cut(found.settings.backend)} to go on with it, choose` : "Choose";
  const models = `model ${cut(found.settings.model.name)}, dataset ${cut(found.settings.dataset.path)}`;
  throw new PptError(
    "INVALID_OPTION",
    `${path} was made for other settings (${models}; now ${header.settings.model.name}, ${header.settings.dataset.path}): ${differing.join("; ")}. ${goOn} another --out, or remove the file`,
  );
}

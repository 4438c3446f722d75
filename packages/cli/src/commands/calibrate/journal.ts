/**
 * The journal of a calibration: one line per trial, so that a search that was interrupted goes on. The same search makes the same
 * trials in the same order; those that are here need not run again.
 */
import { PptError } from "@ppt-vit/core";
import type { SearchIdentity, TrialMemory } from "@ppt-vit/pipeline";
import * as v from "valibot";
import { parseJson } from "../../documents/json.js";
import { cut } from "../../documents/quoted.js";
import { readText } from "../../documents/read.js";
import { reductionSchema } from "../../documents/reduction.js";
import { amount, checked, complainer, list, name, record, text, whole } from "../../documents/schema.js";
import { openJournalFile } from "../../files/journal-file.js";

const mostBytes = 2 ** 28;
const remedy = ": choose another --out, or remove the file";

const headerSchema = record({
  journal: v.literal("ppt-vit calibrate", '"ppt-vit calibrate"'),
  version: v.literal(1, "1"),
  identity: record({
    fingerprint: name(100),
    backend: name(100),
    dtype: name(100),
    batch: whole(1),
    pictures: text(10_000_000),
    answers: name(100),
  }),
});

const values = list(v.pipe(v.number("a number"), v.finite("a finite number")), 1_000_000, 1);
const trialSchema = record({
  reduction: reductionSchema,
  gmacs: amount,
  latencyMs: amount,
  divergence: v.pipe(v.number("a number"), v.finite("a finite number")),
  divergences: values,
  loss: v.pipe(v.number("a number"), v.finite("a finite number")),
  losses: values,
  disagreements: v.exactOptional(whole(0)),
  pictures: whole(1),
});
const lineSchema = record({ key: name(100_000), trial: trialSchema });

export interface CalibrationJournal extends TrialMemory {
  /** Trials that earlier runs made. */
  readonly earlier: number;
  close(): void;
}

/**
 * Opens the journal of a search or starts one. If the last line is cut off, it is dropped.
 * @throws PptError INVALID_OPTION if the journal is of another search; INVALID_INPUT for what is no journal; WRITE_FAILED
 */
export function openJournal(path: string, identity: SearchIdentity): CalibrationJournal {
  const { found, append, close } = openJournalFile(path, {
    header: { journal: "ppt-vit calibrate", version: 1, identity },
    remedy,
    read: () => parseJournal(readText(path, mostBytes), path, identity),
  });
  const trials: Map<string, Remembered> = found?.trials ?? new Map();
  return {
    earlier: trials.size,
    get: (key) => trials.get(key),
    set(key, trial) {
      trials.set(key, trial);
      append({ key, trial });
    },
    close,
  };
}

type Remembered = NonNullable<ReturnType<TrialMemory["get"]>>;

/** The trials of a journal by their keys, and how many bytes its complete lines have. */
export function parseJournal(
  content: string,
  path: string,
  identity: SearchIdentity,
): { readonly trials: Map<string, Remembered>; readonly bytes: number } {
  const lines = content.split("\n");
  const rest = lines.pop()!;
  const trials = new Map<string, Remembered>();
  for (const [i, line] of lines.entries()) {
    const where = `${path}: line ${i + 1}`;
    const complain = complainer(where, remedy);
    const json = parseJson(line, where);
    if (i === 0) requireSame(checked(headerSchema, json, complain).identity, identity, path);
    else {
      const { key, trial } = checked(lineSchema, json, complain);
      trials.set(key, trial);
    }
  }
  const begins = '{"journal":"ppt-vit calibrate",';
  if (lines.length === 0 && !rest.startsWith(begins) && !begins.startsWith(rest))
    complainer(path)("", `is no journal of ppt-vit calibrate${remedy}`);
  return { trials, bytes: Buffer.byteLength(content) - Buffer.byteLength(rest) };
}

function requireSame(found: SearchIdentity, wanted: SearchIdentity, path: string): void {
  const differing = (Object.keys(wanted) as (keyof SearchIdentity)[]).filter((field) => found[field] !== wanted[field]);
  if (differing.length === 0) return;
  const show = (field: keyof SearchIdentity) =>
    field === "pictures" ? "other pictures" : `${field} ${cut(String(found[field]))} there, ${wanted[field]} here`;
  throw new PptError("INVALID_OPTION", `${path} is of another search (${differing.map(show).join("; ")})${remedy}`);
}

/** The journal of an evaluation: one line a batch, on the disk before the next begins, so that any end can be resumed from. */
import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { PptError } from "@ppt-vit/core";
import type { EvalSettings, PictureRecord, Shard, Times } from "./types.js";

/** The first line: what the journal was made for. */
export interface JournalHeader {
  readonly journal: "ppt-vit eval";
  readonly version: 1;
  readonly settings: EvalSettings;
  readonly shard: Shard | null;
}

export interface BatchEntry {
  /** Its place in the whole dataset, from 0. */
  readonly batch: number;
  readonly records: readonly PictureRecord[];
  readonly times: Times;
}

export interface Journal {
  /** What earlier runs recorded. */
  readonly done: readonly BatchEntry[];
  append(entry: BatchEntry): void;
  close(): void;
}

/**
 * Opens a journal, or starts one. A line that was cut off is dropped, and its batch computed again.
 * @throws PptError INVALID_OPTION where it was made for other settings, INVALID_INPUT where it is damaged, WRITE_FAILED
 */
export function openJournal(path: string, header: JournalHeader): Journal {
  const writing = <R>(action: () => R): R => {
    try {
      return action();
    } catch (cause) {
      throw new PptError("WRITE_FAILED", `${path}: cannot be written (${(cause as NodeJS.ErrnoException).code})`, {
        cause,
      });
    }
  };
  const file = writing(() => openSync(path, "a+"));
  try {
    const append = (line: unknown) =>
      writing(() => {
        writeSync(file, `${JSON.stringify(line)}\n`);
        fsyncSync(file);
      });
    const { found, done, bytes } = parseJournal(readFileSync(path), path);
    if (found) requireSame(header, found, path);
    writing(() => ftruncateSync(file, bytes));
    if (!found) append(header);
    return { done, append, close: () => closeSync(file) };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** What every journal begins with. */
const firstWords = '{"journal":"ppt-vit eval",';

/** What a journal holds, and how many bytes of it are whole lines. @throws PptError INVALID_INPUT */
export function parseJournal(
  content: Uint8Array,
  path: string,
): { readonly found?: JournalHeader; readonly done: readonly BatchEntry[]; readonly bytes: number } {
  const damaged = (line: number, cause?: unknown): never => {
    throw new PptError(
      "INVALID_INPUT",
      `${path}: line ${line + 1} is not of a journal of ppt-vit eval: choose another --out, or remove the file`,
      { cause },
    );
  };
  const end = content.lastIndexOf(0x0a) + 1;
  const text = new TextDecoder().decode(content);
  if (end === 0) {
    // Not even the first line is whole. It is still ours, or somebody else's file.
    if (!text.startsWith(firstWords) && !firstWords.startsWith(text)) damaged(0);
    return { done: [], bytes: 0 };
  }
  const lines = text.slice(0, text.lastIndexOf("\n")).split("\n");
  const parsed = lines.map((text, line) => {
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      return damaged(line, cause);
    }
  });
  const [found, ...done] = parsed as [JournalHeader, ...BatchEntry[]];
  if (found?.journal !== "ppt-vit eval" || found.version !== 1) damaged(0);
  // Two processes that write at the same time would record a batch twice.
  done.forEach((entry, i) => {
    if (!Array.isArray(entry?.records) || (i > 0 && entry.batch <= done[i - 1]!.batch)) damaged(i + 1);
  });
  return { found, done, bytes: end };
}

/** What the same pictures and weights are called, and where they lie, does not matter. */
export const comparable = ({
  settings,
  shard,
}: Pick<JournalHeader, "settings" | "shard">): Record<string, unknown> => ({
  ...settings,
  model: settings.model.fingerprint,
  dataset: { pictures: settings.dataset.pictures, fingerprint: settings.dataset.fingerprint },
  shard,
});

/** The settings in which two evaluations differ, with both values. */
export function differences(a: Record<string, unknown>, b: Record<string, unknown>): string[] {
  const show = (value: unknown) => JSON.stringify(value ?? null);
  return Object.keys({ ...a, ...b })
    .filter((key) => show(a[key]) !== show(b[key]))
    .map((key) => `${key} ${show(a[key])} there, ${show(b[key])} here`);
}

function requireSame(header: JournalHeader, found: JournalHeader, path: string): void {
  const differing = differences(comparable(found), comparable(header));
  if (differing.length === 0) return;
  const models = `model ${found.settings.model.name}, dataset ${found.settings.dataset.path}`;
  throw new PptError(
    "INVALID_OPTION",
    `${path} was made for other settings (${models}; now ${header.settings.model.name}, ${header.settings.dataset.path}): ${differing.join("; ")}. Choose another --out, or remove the file`,
  );
}

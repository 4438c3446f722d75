/** What is in the folder of a job: which parts are done, which are missing, and which files are not as they were recorded. */
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { PptError } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import { formatOf, hashOf, type Job, type JobFolder, mapsFolder, type PartRecord, partsOf, rowsOf } from "./folder.js";

export interface DamagedPart {
  readonly part: number;
  readonly problem: string;
}

export interface JobState {
  readonly done: readonly PartRecord[];
  readonly missing: readonly number[];
  readonly damaged: readonly DamagedPart[];
  /** Files that belong to no part. */
  readonly strange: readonly string[];
}

/** @throws PptError NOT_FOUND if there is no job */
export function requireJob(folder: JobFolder): Job {
  const job = folder.readJob();
  if (!job)
    throw new PptError("NOT_FOUND", `${folder.path}: no job there: name the folder that a command had as --out`);
  return job;
}

/** Looks at every part. @param thorough whether the content of the files is compared with what was recorded, too */
export function stateOf(folder: JobFolder, job: Job, thorough: boolean): JobState {
  const [done, missing, damaged]: [PartRecord[], number[], DamagedPart[]] = [[], [], []];
  const parts = partsOf(job);
  const known = new Set(["_job", mapsFolder]);
  for (let part = 0; part < parts; part++) {
    for (const file of folder.filesOf(part, formatOf(job))) known.add(basename(file));
    try {
      const record = folder.readPart(part);
      const problem = record && problemOf(record, folder, job, part, thorough);
      if (problem !== undefined) damaged.push({ part, problem });
      else if (record) done.push(record);
      else missing.push(part);
    } catch (error) {
      if (!(error instanceof PptError)) throw error;
      damaged.push({ part, problem: error.message });
    }
  }
  const strange = readdirSync(folder.path).filter((name) => !known.has(name));
  return { done, missing, damaged, strange };
}

function problemOf(
  { part, rows, files }: PartRecord,
  folder: JobFolder,
  job: Job,
  expected: number,
  thorough: boolean,
): string | undefined {
  if (part !== expected) return `its record is of part ${part}`;
  if (rows !== rowsOf(job, part)) return `its record has ${rows} rows, expected ${rowsOf(job, part)}`;
  const names = folder.filesOf(part, formatOf(job)).map((file) => basename(file));
  if (files.map(({ name }) => name).join() !== names.join()) return `its record names other files than ${names.join()}`;
  for (const { name, bytes, sha256 } of files) {
    const size = folder.sizeOf(name);
    if (size === undefined) return `${name} is missing`;
    if (size !== bytes) return `${name} has ${size} bytes, and ${bytes} were written`;
    if (thorough && hashOf(join(folder.path, name)) !== sha256) return `${name} is not as it was written`;
  }
  return undefined;
}

/** `0, 3-7, 9` */
export function ranges(parts: readonly number[]): string {
  const texts: string[] = [];
  for (let i = 0; i < parts.length; ) {
    let last = i;
    while (parts[last + 1] === parts[last]! + 1) last++;
    texts.push(last === i ? `${parts[i]}` : `${parts[i]}-${parts[last]}`);
    i = last + 1;
  }
  return texts.slice(0, 20).join(", ") + (texts.length > 20 ? ` and ${texts.length - 20} more` : "");
}

/** @throws PptError INVALID_INPUT if parts are missing or damaged */
export function requireWhole(folder: JobFolder, job: Job): readonly PartRecord[] {
  const { done, missing, damaged } = stateOf(folder, job, false);
  const again = "run the command again that wrote them, then merge";
  if (damaged[0])
    throw new PptError(
      "INVALID_INPUT",
      `${folder.path}: part ${damaged[0].part}: ${damaged[0].problem}: run ppt-vit check --redo damaged, then ${again}`,
    );
  if (missing.length > 0)
    throw new PptError(
      "INVALID_INPUT",
      `${folder.path}: ${missing.length} of ${counted(partsOf(job), "part")} are not done (${ranges(missing)}): ${again}`,
    );
  return done;
}

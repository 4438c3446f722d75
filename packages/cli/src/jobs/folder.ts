/**
 * The folder of a job: parts as files, and beside them `_job` with what workers tell each other. Names that begin with `_` are skipped
 * by readers of folders of Parquet files.
 */
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PptError } from "@ppt-vit/core";
import { makeFolder } from "@ppt-vit/pipeline";
import * as v from "valibot";
import { differences } from "../documents/differences.js";
import { parseJson } from "../documents/json.js";
import { readText } from "../documents/read.js";
import {
  amount,
  checked,
  complainer,
  date,
  fingerprint,
  list,
  name,
  record,
  text,
  whole,
} from "../documents/schema.js";
import { writeError } from "../files/errors.js";
import { linked } from "../files/holder.js";
import { writeFilesWhole } from "../files/whole-files.js";
import { plainStat } from "../files/write-file.js";
import type { Claim } from "./claims.js";
import { vectorTypes } from "./columns.js";
import { copyBytes } from "./formats/copy.js";
import type { Format, Sink } from "./formats/format.js";
import { formats } from "./formats/index.js";

const mostDocumentBytes = 2 ** 20;

const columnSchema = record({
  name: name(100),
  type: v.picklist(["text", "integer", "number", "texts", "numbers", "vector"], "a type of a column"),
  length: v.exactOptional(whole(1)),
});

const jobSchema = record({
  job: v.literal("ppt-vit", '"ppt-vit"'),
  version: v.literal(1, "1"),
  command: name(100),
  /** Everything that determines the rows, by name. Workers must share it. */
  settings: v.pipe(v.record(name(100), v.unknown(), "an object of settings"), v.readonly()),
  pictures: record({ count: whole(1), fingerprint }),
  /** Rows of each part but the last. */
  partSize: whole(1),
  format: v.picklist(
    formats.map(({ name }) => name),
    `one of ${formats.map(({ name }) => name).join(", ")}`,
  ),
  vectors: v.picklist(vectorTypes, `one of ${vectorTypes.join(", ")}`),
  columns: list(columnSchema, 100, 1),
});
/** The document of a job, which its first worker writes. */
export type Job = v.InferOutput<typeof jobSchema>;

const partSchema = record({
  part: whole(0),
  rows: whole(1),
  /** Rows with an error. */
  failed: whole(0),
  files: list(record({ name: name(200), bytes: whole(0), sha256: fingerprint }), 10, 1),
  seconds: record({ total: amount, model: amount, waiting: amount }),
  host: text(1000),
  finished: date,
});
/** What a worker records of a part once its files are complete. */
export type PartRecord = v.InferOutput<typeof partSchema>;

export const formatOf = (job: Pick<Job, "format">): Format => formats.find(({ name }) => name === job.format)!;
export const partsOf = ({ pictures, partSize }: Pick<Job, "pictures" | "partSize">): number =>
  Math.ceil(pictures.count / partSize);
export const rowsOf = ({ pictures, partSize }: Pick<Job, "pictures" | "partSize">, part: number): number =>
  Math.min(partSize, pictures.count - part * partSize);

/** What keeps a worker from writing that has lost its claim. */
export type Fence = Pick<Claim, "token" | "require">;

export interface JobFolder {
  readonly path: string;
  /** The document of the job; undefined if none has begun here. @throws PptError INVALID_INPUT */
  readJob(): Job | undefined;
  /**
   * Begins the job, or joins it. @returns the document that holds
   * @throws PptError INVALID_OPTION if another job was begun here
   */
  begin(job: Job): Job;
  /** Undefined if the part is not done. @throws PptError INVALID_INPUT */
  readPart(part: number): PartRecord | undefined;
  isDone(part: number): boolean;
  /** The paths of a part's files. */
  filesOf(part: number, format: Format): string[];
  /**
   * Writes the files of a part.
   * @param claim must hold when they get their names. Who takes it over removes the drafts first, so a late worker cannot name them.
   * @returns their names, sizes and hashes
   */
  writePart(
    part: number,
    format: Format,
    claim: Fence,
    write: (sinks: readonly Sink[]) => void | Promise<void>,
  ): Promise<PartRecord["files"]>;
  /** Records that a part is done. @param claim must hold, as in `writePart` */
  finish(record: PartRecord, claim: Fence): Promise<void>;
  /** Makes a part count as not done. */
  forget(part: number): void;
  /** What its workers use while they compute a part. */
  claimOf(part: number): string;
  workOf(part: number): string;
  /** Removes drafts of a part, which killed or late workers left. The caller holds the claim, and then looks whether the part is done. */
  clean(part: number): void;
  /** Of a file of the folder; undefined if it is not there. */
  sizeOf(name: string): number | undefined;
  /** The parts that have a claim. */
  claimed(): number[];
}

/** Where a command puts files of single pictures, within the folder of its job. */
export const mapsFolder = "maps";

const nameOf = (part: number): string => `part-${String(part).padStart(6, "0")}`;

export function jobFolder(path: string): JobFolder {
  const inside = join(path, "_job");
  const document = join(inside, "job.json");
  const own = (part: number, ending: string) => join(inside, `${nameOf(part)}${ending}`);
  const filesOf = (part: number, format: Format) =>
    format.endings.map((ending) => join(path, `${nameOf(part)}${ending}`));

  function readJob(): Job | undefined {
    if (!statSync(document, { ...plainStat, throwIfNoEntry: false })) return undefined;
    const json = parseJson(readText(document, mostDocumentBytes), document);
    return checked(jobSchema, json, complainer(document));
  }

  return {
    path,
    readJob,
    filesOf,
    claimOf: (part) => own(part, ".claim"),
    workOf: (part) => own(part, ".work"),
    isDone: (part) => statSync(own(part, ".json"), { ...plainStat, throwIfNoEntry: false }) !== undefined,

    begin(job) {
      // In containers on several machines all processes may have one id.
      const draft = `${document}.${randomBytes(8).toString("hex")}.draft`;
      try {
        makeFolder(inside);
        for (;;) {
          const found = readJob();
          if (found) return requireSame(found, job, path);
          writeFileSync(draft, `${JSON.stringify(job, null, 1)}\n`);
          linked(draft, document);
        }
      } catch (cause) {
        throw writeError(path, cause);
      } finally {
        rmSync(draft, { force: true });
      }
    },

    readPart(part) {
      const file = own(part, ".json");
      if (!statSync(file, { ...plainStat, throwIfNoEntry: false })) return undefined;
      return checked(partSchema, parseJson(readText(file, mostDocumentBytes), file), complainer(file));
    },

    async writePart(part, format, claim, write) {
      const hashes = format.endings.map(() => createHash("sha256"));
      const bytes = format.endings.map(() => 0);
      const names = filesOf(part, format).map((path, i) => ({ path, draft: own(part, `.${i}.${claim.token}.draft`) }));
      await writeFilesWhole(names, async (sinks) => {
        await write(
          sinks.map((sink, i) => (piece) => {
            hashes[i]!.update(piece);
            bytes[i]! += piece.length;
            sink(piece);
          }),
        );
        claim.require();
      });
      return format.endings.map((ending, i) => ({
        name: `${nameOf(part)}${ending}`,
        bytes: bytes[i]!,
        sha256: hashes[i]!.digest("hex"),
      }));
    },

    async finish(record, claim) {
      const names = [{ path: own(record.part, ".json"), draft: own(record.part, `.json.${claim.token}.draft`) }];
      await writeFilesWhole(names, ([sink]) => {
        sink!(Buffer.from(`${JSON.stringify(record, null, 1)}\n`));
        claim.require();
      });
    },

    forget: (part) => rmSync(own(part, ".json"), { force: true }),

    clean(part) {
      const prefix = `${nameOf(part)}.`;
      // A draft of a claim is another worker's, which is looking at this part at this moment.
      for (const name of readdirSync(inside))
        if (name.startsWith(prefix) && name.endsWith(".draft") && !name.startsWith(`${prefix}claim.`))
          rmSync(join(inside, name), { force: true });
    },

    sizeOf(name) {
      const found = statSync(join(path, name), { ...plainStat, throwIfNoEntry: false });
      return found && Number(found.size);
    },

    claimed: () =>
      readdirSync(inside).flatMap((name) => {
        const found = /^part-(\d+)\.claim$/.exec(name);
        return found ? [Number(found[1])] : [];
      }),
  };
}

/** The facts in which the workers of a job must agree. */
const comparable = ({
  command,
  settings,
  pictures,
  partSize,
  format,
  vectors,
  columns,
}: Job): Record<string, unknown> => ({
  ...{ command, ...settings, "number of pictures": pictures.count, "list of pictures": pictures.fingerprint },
  ...{ partSize, format, vectors, columns },
});

function requireSame(found: Job, job: Job, path: string): Job {
  const differing = differences(comparable(found), comparable(job));
  if (differing.length === 0) return found;
  throw new PptError(
    "INVALID_OPTION",
    `${path} holds a job with other settings: ${differing.join("; ")}. Give the settings and the pictures of that job, or choose another --out`,
  );
}

/** The hash of a file, read in pieces; undefined if it is not there. */
export function hashOf(path: string): string | undefined {
  if (!statSync(path, { ...plainStat, throwIfNoEntry: false })) return undefined;
  const hash = createHash("sha256");
  copyBytes(path, (bytes) => void hash.update(bytes));
  return hash.digest("hex");
}

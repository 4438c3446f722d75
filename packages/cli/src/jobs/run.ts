/** Runs a job: takes parts, computes them, and writes each completely or not at all. */
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { isPptError, PptError } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import { backendNames, type DecodeOptions, type PictureSource } from "@ppt-vit/pipeline";
import { checkpointFingerprint } from "../documents/checkpoint-fingerprint.js";
import { onEnding } from "../files/ending.js";
import { defaultBackend } from "../flags/backend-option.js";
import { complain, say as sayLines } from "../output/print.js";
import { type Claim, isClaim, openClaims } from "./claims.js";
import { type Column, commonColumns, type Row } from "./columns.js";
import type { JobFlags } from "./flags.js";
import { formatOf, type Job, type JobFolder, jobFolder, type PartRecord, partsOf, rowsOf } from "./folder.js";
import { formats } from "./formats/index.js";
import { type Listing, listPictures } from "./inputs/index.js";
import { type Item, readItem, Stop } from "./inputs/item.js";
import { type Pulse, startPulse } from "./pulse.js";
import { duration, type JobStatus, percent, rate, startStatus, startTimes } from "./status.js";
import type { OpenTask, Task } from "./task.js";
import { answerTrials, isTrial, trialBackend, trySuspects } from "./trial.js";
import { openWorkLog, type WorkLog } from "./work-log.js";

const say = (line: string) => sayLines(`ppt-vit: ${line}`);

/** How long a worker waits before it looks again at parts that others hold. */
const lookAgainMs = 500;

export interface JobOptions extends JobFlags {
  readonly out: string;
  readonly backend: string;
}

/** The facts of a worker. */
interface Worker {
  readonly job: Job;
  readonly folder: JobFolder;
  readonly listing: Listing;
  readonly task: OpenTask;
  readonly decoding: DecodeOptions;
  readonly pulse: Pulse;
}

/**
 * Computes the parts of this worker that are not done yet. A picture that cannot be used becomes a row with an error, so the exit code
 * is 0 if all rows are written.
 * @throws PptError INVALID_OPTION for a folder with another job, or one that another worker uses; NOT_FOUND, INVALID_INPUT for inputs of
 * no use; WRITE_FAILED
 */
export async function runJob(
  task: Task,
  inputs: readonly string[],
  flags: JobOptions,
  decoding: DecodeOptions,
): Promise<0> {
  const pulse = startPulse(flags.lease * 1000, flags.stall * 1000);
  if (isTrial()) {
    const open = await task.open(trialBackend() ?? flags.backend);
    await answerTrials(open, pulse, (item) => readItem(item, [], decoding));
    return 0;
  }
  const folder = jobFolder(flags.out);
  const begun = folder.readJob();
  const backend = backendFor(flags, begun);
  const listing = await listPictures(inputs, { nul: flags.null, limit: flags.limit });
  for (const note of listing.notes) say(note);
  // Its weights are not kept: the model that computes has its own.
  const { columns, model } = await task.readCheckpoint().then((checkpoint) => ({
    columns: [...commonColumns, ...task.columns(checkpoint.config)],
    model: checkpointFingerprint(checkpoint),
  }));
  const open = await task.open(backend);
  try {
    const taken = backend === defaultBackend ? open.backend : backend;
    const settings = { model, backend: taken, ...open.settings };
    const job = folder.begin(jobOf(task.command, columns, settings, listing, flags));
    await work({ job, folder, listing, task: open, decoding, pulse }, flags);
    return 0;
  } finally {
    pulse.close();
    await open.dispose();
  }
}

/** A job goes on with the backend on which it was begun, although another may now be the best. */
function backendFor({ backend, out }: JobOptions, begun: Job | undefined): string {
  const known = begun?.settings.backend;
  if (backend !== defaultBackend || typeof known !== "string" || !backendNames.includes(known)) return backend;
  say(`${out} was begun on backend ${known}, which is taken again`);
  return known;
}

/** @throws PptError INVALID_OPTION if the format cannot hold the columns */
function jobOf(
  command: string,
  columns: readonly Column[],
  settings: Readonly<Record<string, unknown>>,
  { items, fingerprint }: Listing,
  { format, vectors, partSize }: JobFlags,
): Job {
  const problem = formats.find(({ name }) => name === format)!.refuses({ columns, vectors });
  if (problem !== undefined) throw new PptError("INVALID_OPTION", `--format ${format}: ${problem}`);
  const pictures = { count: items.length, fingerprint };
  return { job: "ppt-vit", version: 1, command, settings, pictures, partSize, format, vectors, columns };
}

async function work(worker: Worker, flags: JobOptions): Promise<void> {
  const { job, folder, pulse } = worker;
  const { shard } = flags;
  const own = Array.from({ length: partsOf(job) }, (_, part) => part).filter(
    (part) => !shard || part % shard.count === shard.index - 1,
  );
  const rows = (parts: readonly number[]) => parts.reduce((sum, part) => sum + rowsOf(job, part), 0);
  let waiting = own.filter((part) => !folder.isDone(part));
  if (waiting.length < own.length)
    say(`going on with ${flags.out}: ${own.length - waiting.length} of ${counted(own.length, "part")} done`);
  let modelMs = 0;
  const times = startTimes();
  const status = startStatus(rows(own), () => times(modelMs));
  status.left(rows(waiting));
  const claims = openClaims(flags.lease * 1000, pulse);
  const records: PartRecord[] = [];
  try {
    while (waiting.length > 0) {
      let took = false;
      for (const part of [...waiting]) {
        if (folder.isDone(part)) continue;
        const claim = claims.take(folder.claimOf(part));
        if (!isClaim(claim)) {
          if (!flags.claim && !shard && claim.holder && claim.runs) refuseBusy(flags.out, claim.holder);
          status.tell(`waiting for ${counted(waiting.length, "part")} that other workers hold`);
          continue;
        }
        const log = openWorkLog(folder.workOf(part));
        const stop = onEnding(() => {
          endQuietly(log);
          claim.release();
        });
        try {
          // In this order: after the drafts are gone, a late worker cannot finish the part any more.
          folder.clean(part);
          if (folder.isDone(part)) {
            log.remove();
            continue;
          }
          took = true;
          const record = await computePart(worker, { part, log, claim, status, stallMs: flags.stall * 1000 });
          records.push(record);
          modelMs += record.seconds.model * 1000;
          log.remove();
        } catch (error) {
          // The log is that of the worker which took the part over.
          if (!isLost(claim)) endQuietly(log);
          else if (!(error instanceof Stop)) {
            say(
              `part ${part} is left to another worker: this one was silent for too long, or somebody removed its claim`,
            );
            continue;
          }
          throw blameDisk(error, flags.out, part);
        } finally {
          log.close();
          stop();
          claim.release();
        }
        if (flags.claim) {
          waiting = waiting.filter((part) => !folder.isDone(part));
          status.left(rows(waiting));
        }
      }
      waiting = waiting.filter((part) => !folder.isDone(part));
      if (!took && waiting.length > 0) await pause(lookAgainMs);
    }
  } finally {
    status.stop();
  }
  summarise(job, records, times(modelMs), own.length);
}

function refuseBusy(out: string, { pid, host, since }: { pid: number; host: string; since: string }): never {
  throw new PptError(
    "INVALID_OPTION",
    `${out} is being written by process ${pid} on ${host} since ${since}: wait for its end, or let both share the work with --claim`,
  );
}

/** Whether the claim is lost. If that cannot be seen, the error that is being reported says why. */
function isLost(claim: Claim): boolean {
  try {
    return claim.isLost();
  } catch {
    return false;
  }
}

/** Notes that nobody is to blame, if the disk takes it. */
function endQuietly(log: WorkLog): void {
  try {
    log.end();
  } catch {
    // The error that is being reported says why.
  }
}

function blameDisk(error: unknown, out: string, part: number): unknown {
  const again = `part ${part} of ${out} is not done, and all before it are safe: run the same command again`;
  if (error instanceof Stop) return new PptError(error.code, `${error.message}: ${again}`, { cause: error });
  if (isPptError(error) && error.code === "WRITE_FAILED")
    return new PptError("WRITE_FAILED", `${error.message}. ${again}`, { cause: error });
  return error;
}

/** A part that a worker has claimed. */
interface Claimed {
  readonly part: number;
  readonly log: WorkLog;
  readonly claim: Claim;
  readonly status: JobStatus;
  readonly stallMs: number;
}

/** How many pictures pass between two looks at the claim. */
const picturesPerLook = 256;

async function computePart(
  { job, folder, listing, task, decoding, pulse }: Worker,
  { part, log, claim, status, stallMs }: Claimed,
): Promise<PartRecord> {
  const first = part * job.partSize;
  const items = listing.items.slice(first, first + rowsOf(job, part));
  if (log.suspects.length > 0)
    await trySuspects(log, { items, backend: job.settings.backend as string, pulse, stallMs });
  const times = startTimes();
  const read: { size: number; sha256: string }[] = [];
  const sourceOf = (item: Item, i: number): PictureSource => ({
    name: item.name,
    async read() {
      if (log.guilty.has(i))
        throw new PptError(
          "INVALID_IMAGE",
          `${JSON.stringify(item.name).slice(1, -1)}: left out, because the process in which it was decoded ended or hung`,
        );
      log.begin(i);
      const bytes = await readItem(item, listing.roots, decoding);
      read[i] = { size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
      pulse.step();
      return bytes;
    },
  });
  const format = formatOf(job);
  let [done, failed, modelMs] = [0, 0, 0];
  // Rows go to the files as they come, so memory does not grow with the size of parts.
  const files = await folder.writePart(part, format, claim, async (sinks) => {
    const writer = format.write({ columns: job.columns, vectors: job.vectors, rows: items.length }, sinks);
    for await (const result of task.run(items.map(sourceOf), first)) {
      const i = done++;
      const common = { path: items[i]!.name, size: read[i]?.size ?? null, sha256: read[i]?.sha256 ?? null };
      const problem = "error" in result ? result.error : outsideHalf(result.values, job, items[i]!);
      if (problem) {
        failed++;
        writer.add({ ...common, error: `${problem.message} [${problem.code}]` });
        status.interrupt(() => complain(problem));
      } else if ("values" in result) {
        modelMs += result.latencyMs;
        writer.add({ ...common, error: null, ...result.values });
      }
      if (!log.guilty.has(i)) log.done(i);
      pulse.step();
      status.advance(1, problem ? 1 : 0);
      if (done % picturesPerLook === 0) claim.require();
    }
    writer.end();
  });
  const { total, model, waiting } = times(modelMs);
  const record: PartRecord = {
    ...{ part, rows: done, failed, files },
    seconds: { total: total / 1000, model: model / 1000, waiting: waiting / 1000 },
    ...{ host: hostname(), finished: new Date().toISOString() },
  };
  await folder.finish(record, claim);
  return record;
}

/** The largest float16. */
const largestHalf = 65_504;

/** An error for a vector that float16 cannot hold. */
function outsideHalf(values: Row, { vectors }: Job, { name }: Item): PptError | undefined {
  if (vectors === "float32") return undefined;
  for (const value of Object.values(values))
    if (value instanceof Float32Array && value.some((one) => Math.abs(one) > largestHalf))
      return new PptError(
        "NOT_FINITE",
        `${JSON.stringify(name).slice(1, -1)}: its vector has values above ${largestHalf}, the largest of float16`,
      );
  return undefined;
}

function summarise(
  job: Job,
  records: readonly PartRecord[],
  { total }: { readonly total: number },
  parts: number,
): void {
  const sum = (value: (record: PartRecord) => number) => records.reduce((all, record) => all + value(record), 0);
  const pictures = sum(({ rows }) => rows);
  const failed = sum((record) => record.failed);
  const seconds = sum((record) => record.seconds.total);
  const facts = [`${counted(pictures, "picture")} in ${counted(records.length, "part")} of ${parts}`];
  if (failed > 0) facts.push(`${failed} with errors`);
  if (pictures > 0)
    facts.push(
      duration(total / 1000),
      rate(pictures / seconds),
      `waiting ${percent(sum((record) => record.seconds.waiting) / seconds)}`,
    );
  say(`${job.command}: ${facts.join(", ")}`);
}

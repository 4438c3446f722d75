/**
 * One process at a time: a file beside what is locked that names its holder. Written for this purpose, since libraries
 * (proper-lockfile) keep a lock alive by a timer, and a model that computes on the main thread lets no timer run.
 */
import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { PptError } from "@ppt-vit/core";
import * as v from "valibot";
import { parseJson } from "../../documents/json.js";
import { readChunks } from "../../documents/read.js";
import { checked, complainer, date, name, record, text, whole } from "../../documents/schema.js";
import { onEnding } from "../../files/ending.js";

const holderSchema = record({
  pid: whole(1),
  host: text(1000),
  /** When the process started, as Linux counts it: a process that has the number of a dead one started later. */
  started: v.nullable(text(100)),
  since: date,
  /** Tells two locks of one process apart. */
  token: name(100),
});
type Holder = v.InferOutput<typeof holderSchema>;

const mostBytes = 10_000;

export interface Lock {
  /** @throws PptError WRITE_FAILED where somebody took or removed the lock meanwhile */
  require(): void;
  release(): void;
}

/**
 * Takes the lock file `path`. That of a process of this machine which has ended, however it did, is taken over.
 * @param subject what is locked, for the message
 * @throws PptError INVALID_OPTION where another process holds it, which the message names; WRITE_FAILED
 */
export function takeLock(path: string, subject: string): Lock {
  const own: Holder = {
    pid: process.pid,
    host: hostname(),
    started: startOf(process.pid),
    since: new Date().toISOString(),
    token: randomBytes(8).toString("hex"),
  };
  const content = `${JSON.stringify(own)}\n`;
  // Made whole before it gets its name: nobody reads half a lock.
  const draft = `${path}.${own.token}`;
  try {
    writeFileSync(draft, content, { flag: "wx" });
    while (!linked(draft, path)) takeOver(path, subject, `${draft}.old`);
  } catch (cause) {
    if (cause instanceof PptError) throw cause;
    throw new PptError("WRITE_FAILED", `${path}: cannot be written (${(cause as NodeJS.ErrnoException).code})`, {
      cause,
    });
  } finally {
    rmSync(draft, { force: true });
  }
  const isOwn = () => contentOf(path) === content;
  const release = () => {
    stopListening();
    process.off("exit", release);
    if (isOwn()) rmSync(path, { force: true });
  };
  const stopListening = onEnding(release);
  process.on("exit", release);
  return {
    release,
    require() {
      if (!isOwn())
        throw new PptError(
          "WRITE_FAILED",
          `${path}: this process does not hold the lock any more: another one took or removed it. Start again when nobody else writes ${subject}`,
        );
    },
  };
}

/** The file `draft` under the name `path`, too; false where that name is taken. */
function linked(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    // File systems without links, such as FAT: the same, but for a moment in which the file is empty.
    if (code !== "EPERM" && code !== "ENOSYS" && code !== "ENOTSUP" && code !== "EOPNOTSUPP") throw error;
  }
  try {
    writeFileSync(path, readFileSync(draft), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/**
 * Removes the lock of a process that has ended. Two that do so at once move it away in turn: who finds that it moved another
 * lock puts that back.
 * @throws PptError INVALID_OPTION where its holder may still live
 */
function takeOver(path: string, subject: string, aside: string): void {
  const seen = contentOf(path);
  // Released meanwhile.
  if (seen === undefined) return;
  const holder = parseHolder(seen);
  if (!holder || !hasEnded(holder))
    throw new PptError(
      "INVALID_OPTION",
      `${subject} is being written by ${holder ? `process ${holder.pid} on ${holder.host} since ${holder.since}` : "another process"}: wait for its end, or choose another --out. If it does not run any more, remove ${path}`,
    );
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (contentOf(aside) !== seen) linked(aside, path);
  rmSync(aside, { force: true });
}

function contentOf(path: string): string | undefined {
  try {
    return Buffer.concat([...readChunks(path, mostBytes)]).toString();
  } catch (error) {
    const { code, cause } = error as PptError;
    if ((cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT") return undefined;
    // Too long for a lock of ours.
    if (code === "INVALID_INPUT") return "";
    throw error;
  }
}

/** Undefined for what is no lock of ours. */
function parseHolder(content: string): Holder | undefined {
  try {
    return checked(holderSchema, parseJson(content, "lock"), complainer("lock"));
  } catch {
    return undefined;
  }
}

/** Of another machine nobody knows. */
function hasEnded({ pid, host, started }: Holder): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return true;
  }
  const now = startOf(pid);
  return now === "ended" || (started !== null && now !== null && now !== started);
}

/**
 * When a process started, in ticks since the machine did, and which start of the machine that was; null but on Linux.
 * "ended" is one whose parent has not asked for its end yet.
 */
function startOf(pid: number): string | null {
  try {
    // The name of the program, in parentheses, may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return "ended";
    return `${fields[19]} ${readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()}`;
  } catch {
    return null;
  }
}

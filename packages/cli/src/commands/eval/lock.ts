/**
 * Lets only one process at a time write a file: a lock file beside it names the process. Written by hand, because libraries
 * (proper-lockfile) keep a lock alive by a timer, and no timer fires while a model computes on the main thread.
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
  /** When the process started, on Linux: tells it from a later process with the same id. */
  started: v.nullable(text(100)),
  since: date,
  /** Distinguishes two locks of one process. */
  token: name(100),
});
type Holder = v.InferOutput<typeof holderSchema>;

const mostBytes = 10_000;

export interface Lock {
  /** @throws PptError WRITE_FAILED if another process has taken or removed the lock */
  require(): void;
  release(): void;
}

/**
 * Takes the lock file `path`. A lock of a process on this machine that has ended is taken over.
 * @param subject what is locked, for the message
 * @throws PptError INVALID_OPTION if another process holds it, with its id; WRITE_FAILED
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
  // Written under another name first, so that nobody reads an incomplete lock.
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

/** Gives the file `draft` the name `path` too. @returns false if that name is taken */
function linked(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    // File systems such as FAT have no links. The copy below differs in one point: the file is empty for a moment.
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
 * Removes the lock of a process that has ended. Two processes may do so at once: the second one may move away the new lock of
 * the first. It notices that from the content, and puts the lock back.
 * @throws PptError INVALID_OPTION if the holder may still run
 */
function takeOver(path: string, subject: string, aside: string): void {
  const seen = contentOf(path);
  // It has been released.
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
    // Too long to be a lock of this program.
    if (code === "INVALID_INPUT") return "";
    throw error;
  }
}

/** Undefined if it is no lock of this program. */
function parseHolder(content: string): Holder | undefined {
  try {
    return checked(holderSchema, parseJson(content, "lock"), complainer("lock"));
  } catch {
    return undefined;
  }
}

/** Whether the holder has ended. Unknown, and so false, for a process on another machine. */
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
 * When a process started: ticks since the machine booted, and the id of that boot. Null on other systems than Linux. "ended" if
 * the process has ended and its parent has not noticed yet.
 */
function startOf(pid: number): string | null {
  try {
    // The fields follow the program's name, which is in parentheses and may hold any character.
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return "ended";
    return `${fields[19]} ${readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()}`;
  } catch {
    return null;
  }
}

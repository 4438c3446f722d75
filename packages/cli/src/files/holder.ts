/**
 * Who holds a file that only one process may have: the process is named in it, so that others see whether it still runs. Claims and
 * locks are such files.
 */
import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import type { PptError } from "@ppt-vit/core";
import * as v from "valibot";
import { parseJson } from "../documents/json.js";
import { readChunks } from "../documents/read.js";
import { checked, complainer, date, name, record, text, whole } from "../documents/schema.js";

const holderSchema = record({
  pid: whole(1),
  host: text(1000),
  /** When the process started, on Linux: tells it from a later process with the same id. */
  started: v.nullable(text(100)),
  since: date,
  /** The set of processes in which `pid` counts, on Linux: containers on one machine number their processes apart. */
  space: v.exactOptional(v.nullable(text(100))),
  /** Distinguishes two locks of one process. */
  token: name(100),
});
export type Holder = v.InferOutput<typeof holderSchema>;

const mostBytes = 10_000;

/** This process as a holder, with a token of its own each time. */
export const thisHolder = (): Holder => ({
  pid: process.pid,
  host: hostname(),
  started: startOf(process.pid),
  space: spaceOfProcesses(),
  since: new Date().toISOString(),
  token: randomBytes(8).toString("hex"),
});

/** Gives the file `draft` the name `path` too. @returns false if that name is taken */
export function linked(draft: string, path: string): boolean {
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

/** The text of a file that names a holder; undefined if there is none. */
export function contentOf(path: string): string | undefined {
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
export function parseHolder(content: string): Holder | undefined {
  try {
    return checked(holderSchema, parseJson(content, "lock"), complainer("lock"));
  } catch {
    return undefined;
  }
}

/** Whether the holder has ended. Unknown, and so false, for a process on another machine or in another container. */
export function hasEnded({ pid, host, started, space }: Holder): boolean {
  if (host !== hostname() || (space !== undefined && space !== spaceOfProcesses())) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return true;
  }
  const now = startOf(pid);
  return now === "ended" || (started !== null && now !== null && now !== started);
}

/**
 * Whether this machine certainly knows the holder's process: two machines may have one name, and number their processes alike. Where
 * processes do not tell when they started, the name has to do.
 */
export const isOfThisMachine = ({ started, host, space }: Holder): boolean =>
  host === hostname() &&
  (space === undefined || space === spaceOfProcesses()) &&
  (started === null || started.split(" ")[1] === thisBoot());

function thisBoot(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return undefined;
  }
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
    const boot = thisBoot();
    return boot === undefined ? null : `${fields[19]} ${boot}`;
  } catch {
    return null;
  }
}

function spaceOfProcesses(): string | null {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return null;
  }
}

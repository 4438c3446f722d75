/**
 * Lets only one process at a time write a file: a lock file beside it names the process. Written by hand, because libraries
 * (proper-lockfile) keep a lock alive by a timer, and no timer fires while a model computes on the main thread.
 */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { PptError } from "@ppt-vit/core";
import { onEnding } from "./ending.js";
import { contentOf, hasEnded, linked, parseHolder, thisHolder } from "./holder.js";

export interface Lock {
  /** @throws PptError WRITE_FAILED if another process has taken or removed the lock */
  require(): void;
  release(): void;
}

/**
 * Takes the lock file `path`. A lock of a process on this machine that has ended is taken over.
 * @param subject what is locked, for the message
 * @param signals `end` releases it when a signal ends the process; `wait` keeps it, for work that a signal asks to come to an end
 * @throws PptError INVALID_OPTION if another process holds it, with its id; WRITE_FAILED
 */
export function takeLock(path: string, subject: string, signals: "end" | "wait" = "end"): Lock {
  const own = thisHolder();
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
  const stopListening = signals === "end" ? onEnding(release) : () => {};
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

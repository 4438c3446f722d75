/**
 * What a worker was doing when it was killed: a file beside each part that is not done, with a short line for each picture that is
 * begun and done. The pictures that were begun and not done are suspects. The next worker tries them alone, in a process of its own: a
 * picture that ends this process is guilty. Each is noted before it is tried, because a limit of memory may end both processes. As
 * that may also be a kill from outside, a picture is guilty only if it happens during two of its trials.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { isPptError } from "@ppt-vit/core";
import { writeError } from "../files/errors.js";
import { Stop } from "./inputs/item.js";

/** `b`egun and `d`one; `t`ried alone, `p`assed, `g`uilty; `e`nd of a worker that nobody killed. */
const line = /^(?:([bdtpg])(\d+)|(e))$/;

export interface WorkLog {
  /** The pictures that were in work when the last worker was killed, by their place in the part. */
  readonly suspects: readonly number[];
  readonly guilty: Set<number>;
  /** @throws Stop if the disk is full: any other error would become that of a picture */
  begin(index: number): void;
  done(index: number): void;
  try(index: number): void;
  passed(index: number): void;
  blame(index: number): void;
  /** Nobody is suspected of what happens from now on. */
  end(): void;
  close(): void;
  /** The part is done. */
  remove(): void;
}

/** Reads what earlier workers wrote. A last line that was cut off tells nothing. */
export function parseWorkLog(text: string): { suspects: number[]; guilty: Set<number> } {
  const begun = new Set<number>();
  const guilty = new Set<number>();
  /** How many trials of a picture had no end. */
  const trials = new Map<number, number>();
  for (const found of text
    .split("\n")
    .slice(0, -1)
    .map((one) => line.exec(one))) {
    if (!found) continue;
    const [, kind, digits, end] = found;
    const index = Number(digits);
    if (end) begun.clear();
    else if (kind === "b") begun.add(index);
    else if (kind === "d" || kind === "p") begun.delete(index);
    else if (kind === "g") guilty.add(index);
    if (kind === "t") trials.set(index, (trials.get(index) ?? 0) + 1);
    else if (kind === "p" || kind === "g") trials.delete(index);
    else if (end) trials.clear();
  }
  for (const [index, count] of trials) if (count >= 2) guilty.add(index);
  return { suspects: [...begun].filter((index) => !guilty.has(index)).sort((a, b) => a - b), guilty };
}

/** @throws PptError WRITE_FAILED */
export function openWorkLog(path: string): WorkLog {
  const writing = <R>(action: () => R): R => {
    try {
      return action();
    } catch (cause) {
      throw writeError(path, cause);
    }
  };
  const file = writing(() => openSync(path, "a+"));
  const text = readFileSync(file, "latin1");
  const { suspects, guilty } = parseWorkLog(text);
  const whole = text.lastIndexOf("\n") + 1;
  if (fstatSync(file).size > whole) writing(() => ftruncateSync(file, whole));
  const note = (what: string) => void writing(() => writeSync(file, `${what}\n`));
  let isOpen = true;
  const close = () => {
    if (isOpen) closeSync(file);
    isOpen = false;
  };
  return {
    suspects,
    guilty,
    begin(index) {
      try {
        note(`b${index}`);
      } catch (error) {
        throw isPptError(error) ? new Stop(error.message, "WRITE_FAILED") : error;
      }
    },
    done: (index) => note(`d${index}`),
    try: (index) => note(`t${index}`),
    passed: (index) => note(`p${index}`),
    blame(index) {
      note(`g${index}`);
      guilty.add(index);
    },
    end() {
      if (isOpen) note("e");
    },
    close,
    remove() {
      close();
      rmSync(path, { force: true });
    },
  };
}

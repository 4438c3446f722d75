/** Where the command line prints: results on stdout, everything else on stderr, both escaped. */
import { fstatSync, writeSync } from "node:fs";
import { isatty } from "node:tty";
import { isPptError } from "@ppt-vit/core";
import { writeError } from "../files/errors.js";
import { plainStat } from "../files/write-file.js";
import { json, shown } from "./terminal.js";

/** Lines of a result on stdout, each escaped as a whole. @throws PptError WRITE_FAILED */
export const print = (...lines: readonly string[]): void => toStdout(lines.map((line) => `${shown(line)}\n`).join(""));

/** A document on stdout, on one line or indented. @throws PptError WRITE_FAILED */
export const printJson = (document: unknown, indent?: number): void => toStdout(`${json(document, indent)}\n`);

/** Text of our own with line ends in it, such as help, on stdout. @throws PptError WRITE_FAILED */
export const printOwn = (text: string): void => toStdout(text);

/** Diagnostics on stderr. Where nobody can read them, the work goes on: its result is what counts. */
export function say(...lines: readonly string[]): void {
  const text = lines.map((line) => `${shown(line)}\n`).join("");
  try {
    if (isFile(2)) writeWhole(2, text);
    else process.stderr.write(text);
  } catch {
    // There is no other place to tell it.
  }
}

/** An error on stderr: what happened, and its code. */
export const complain = ({ message, code }: { readonly message: string; readonly code: string }): void =>
  say(`ppt-vit: ${message} [${code}]`);

/** Reports what ended the program. */
export function complainOf(error: unknown): void {
  if (isPptError(error)) {
    complain(error);
    return;
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  complain({ message: `unexpected error: ${message}`, code: "UNEXPECTED" });
  say("This is a bug; with DEBUG=ppt-vit set, the call prints where it happened.");
  if (process.env.DEBUG === "ppt-vit") say(...`${stack}`.split("\n").map((line) => `  ${line}`));
}

/**
 * Handles what the streams report later, to be called before anything is printed. A reader that has seen enough, such as
 * `head`, closes the pipe: that is no failure of ours.
 */
export function watchStreams(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    complainOf(stdoutError(error));
    process.exit(2);
  });
  process.stderr.on("error", () => {});
}

function toStdout(text: string): void {
  if (!isFile(1)) return void process.stdout.write(text);
  try {
    writeWhole(1, text);
  } catch (cause) {
    throw stdoutError(cause);
  }
}

const stdoutError = (cause: unknown): unknown => writeError("standard output", cause, "place");

/** Files and devices such as /dev/full: Node's own streams drop what a disk that becomes full did not take. */
function isFile(descriptor: number): boolean {
  const found = fstatSync(descriptor, plainStat);
  return (found.isFile() || found.isCharacterDevice()) && !isatty(descriptor);
}

function writeWhole(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
}

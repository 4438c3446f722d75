/** The only place that prints: results to stdout, everything else to stderr. Both are escaped. */
import { fstatSync, writeSync } from "node:fs";
import { isatty } from "node:tty";
import { isPptError, reasonOf } from "@ppt-vit/core";
import { writeError } from "../files/errors.js";
import { plainStat } from "../files/write-file.js";
import { json, shown } from "./terminal.js";

/** Prints lines of a result to stdout, each escaped. @throws PptError WRITE_FAILED */
export const print = (...lines: readonly string[]): void => toStdout(lines.map((line) => `${shown(line)}\n`).join(""));

/** Prints JSON to stdout, on one line or indented. @throws PptError WRITE_FAILED */
export const printJson = (document: unknown, indent?: number): void => toStdout(`${json(document, indent)}\n`);

/** Prints this program's own text, such as help, to stdout without escaping its line ends. @throws PptError WRITE_FAILED */
export const printOwn = (text: string): void => toStdout(text);

/** Prints messages to stderr. If stderr cannot be written, the work goes on, because its result is what counts. */
export function say(...lines: readonly string[]): void {
  const text = lines.map((line) => `${shown(line)}\n`).join("");
  try {
    if (isFile(2)) writeWhole(2, text);
    else process.stderr.write(text);
  } catch {
    // There is no other place to report this.
  }
}

/** Prints an error to stderr: its message and its code. */
export const complain = ({ message, code }: { readonly message: string; readonly code: string }): void =>
  say(`ppt-vit: ${message} [${code}]`);

/** Reports the error that ended the program. */
export function complainOf(error: unknown): void {
  if (isPptError(error)) {
    complain(error);
    return;
  }
  const { message, stack } = error instanceof Error ? error : new Error(reasonOf(error));
  complain({ message: `unexpected error: ${message}`, code: "UNEXPECTED" });
  say("This is a bug; with DEBUG=ppt-vit set, the call prints where it happened.");
  if (process.env.DEBUG === "ppt-vit") say(...`${stack}`.split("\n").map((line) => `  ${line}`));
}

/**
 * Handles errors that the streams report after a write has returned. Call it before anything is printed. A closed pipe is no
 * error: its reader, such as `head`, has seen enough.
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

/**
 * Whether a descriptor is a file or a device such as /dev/full. These are written synchronously, because Node's streams lose
 * the rest of the text without an error if the disk becomes full.
 */
function isFile(descriptor: number): boolean {
  const found = fstatSync(descriptor, plainStat);
  return (found.isFile() || found.isCharacterDevice()) && !isatty(descriptor);
}

function writeWhole(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
}

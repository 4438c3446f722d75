/** Copies bytes of files in pieces. */
import { closeSync, openSync, readSync } from "node:fs";
import { PptError } from "@ppt-vit/core";
import { codeOf } from "../../files/errors.js";
import type { Sink } from "./format.js";

const pieceBytes = 2 ** 20;

/** Calls `use` with an open file. @throws PptError NOT_FOUND */
export function withFile<R>(path: string, use: (file: number) => R): R {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (cause) {
    throw new PptError("NOT_FOUND", `${path}: cannot be read (${codeOf(cause)})`, { cause });
  }
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
}

/** The bytes from `start` to `end`, or to the end of the file. @throws PptError INVALID_INPUT if the file ends before `end` */
export function copyBytes(path: string, sink: Sink, start = 0, end = Number.POSITIVE_INFINITY): void {
  withFile(path, (file) => {
    const piece = Buffer.allocUnsafe(pieceBytes);
    for (let at = start; at < end; ) {
      const read = readSync(file, piece, 0, Math.min(pieceBytes, end - at), at);
      if (read === 0 && end === Number.POSITIVE_INFINITY) return;
      if (read === 0) throw new PptError("INVALID_INPUT", `${path}: ends at byte ${at}, expected ${end}`);
      sink(piece.subarray(0, read));
      at += read;
    }
  });
}

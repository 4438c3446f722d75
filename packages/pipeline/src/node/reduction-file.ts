/** Reduction settings by name or from a file. Node only. */
import { closeSync, openSync, readSync } from "node:fs";
import {
  completeReduction,
  isPptError,
  PptError,
  parseConfigJson,
  parseReduction,
  type ReductionConfig,
  reasonOf,
  reductionPreset,
} from "@ppt-vit/core";
import { checkArgument, text } from "@ppt-vit/core/options";
import type { ReductionSetting } from "../checkpoint/reduction.js";

/** A name has neither a folder nor an ending. */
const isPath = (source: string) => /[/\\]|\.json$/i.test(source);

/** What `calibrate` writes has some thousand. */
const mostBytes = 2 ** 20;

/** The first `most` bytes of a file. Devices have no end, whatever their size says. */
function readAtMost(path: string, most: number): Uint8Array {
  const bytes = new Uint8Array(most);
  const file = openSync(path, "r");
  try {
    let length = 0;
    for (let read = -1; read !== 0 && length < most; length += read)
      read = readSync(file, bytes, length, most - length, null);
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

/**
 * Whole settings, with nothing left for others to fill in: the published ones of that name (`deit-small-paper`), or those
 * in a `reduction.json`. A name and a path are told apart by form.
 * @throws PptError INVALID_REDUCTION, NOT_FOUND
 */
export function readReduction(source: string): ReductionConfig {
  checkArgument("readReduction", "source", source, text);
  if (!isPath(source)) return completeReduction(reductionPreset(source));
  let bytes: Uint8Array;
  try {
    bytes = readAtMost(source, mostBytes + 1);
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? cause.code : cause;
    throw new PptError("NOT_FOUND", `${source}: cannot be read (${reason})`, { cause });
  }
  try {
    if (bytes.length > mostBytes) throw new Error(`more than ${mostBytes} bytes: this is no reduction.json`);
    return completeReduction(parseReduction(parseConfigJson(bytes)));
  } catch (cause) {
    const code = isPptError(cause) ? cause.code : "INVALID_REDUCTION";
    throw new PptError(code, `${source}: ${reasonOf(cause)}`, { cause });
  }
}

/** Options with the settings that their `reduction` names. @throws PptError INVALID_REDUCTION, NOT_FOUND */
export const withReductionRead = <Options extends { readonly reduction?: ReductionSetting }>(
  options: Options,
): Options =>
  typeof options.reduction === "string" ? { ...options, reduction: readReduction(options.reduction) } : options;

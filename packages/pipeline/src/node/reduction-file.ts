/** Reduction settings by name or from a file. */
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

/** Names of published settings have neither a slash nor an extension. */
const isPath = (source: string) => /[/\\]|\.json$/i.test(source);

/** Largest reduction.json. `calibrate` writes some thousand bytes. */
const mostBytes = 2 ** 20;

/** The first `most` bytes of a file. Devices may have no end. */
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
 * Complete settings: the published ones of that name (`deit-small-paper`), or those in a `reduction.json`. A name and a path
 * are told apart by their form.
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

/** The options, with `reduction` read if it is a name or a path. @throws PptError INVALID_REDUCTION, NOT_FOUND */
export const withReductionRead = <Options extends { readonly reduction?: ReductionSetting }>(
  options: Options,
): Options =>
  typeof options.reduction === "string" ? { ...options, reduction: readReduction(options.reduction) } : options;

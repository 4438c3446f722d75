/** Reduction settings by name or from a file. Node only. */
import { readFileSync } from "node:fs";
import {
  checkArgument,
  completeReduction,
  isPptError,
  PptError,
  parseReduction,
  type ReductionConfig,
  reductionPreset,
  text,
} from "@ppt-vit/core";
import type { ReductionSetting } from "./reduction.js";

/** A name has neither a folder nor an ending. */
const isPath = (source: string) => /[/\\]|\.json$/i.test(source);

/**
 * Whole settings, with nothing left for others to fill in: the published ones of that name (`deit-small-paper`), or those
 * in a `reduction.json`. A name and a path are told apart by form.
 * @throws PptError INVALID_REDUCTION, NOT_FOUND
 */
export function readReduction(source: string): ReductionConfig {
  checkArgument("readReduction", "source", source, text);
  if (!isPath(source)) return completeReduction(reductionPreset(source));
  let content: string;
  try {
    content = readFileSync(source, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? cause.code : cause;
    throw new PptError("NOT_FOUND", `${source}: cannot be read (${reason})`, { cause });
  }
  try {
    return completeReduction(parseReduction(JSON.parse(content)));
  } catch (cause) {
    const code = isPptError(cause) ? cause.code : "INVALID_REDUCTION";
    throw new PptError(code, `${source}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/** Options with the settings that their `reduction` names. @throws PptError INVALID_REDUCTION, NOT_FOUND */
export const withReductionRead = <Options extends { readonly reduction?: ReductionSetting }>(
  options: Options,
): Options =>
  typeof options.reduction === "string" ? { ...options, reduction: readReduction(options.reduction) } : options;

/** Parses JSON from files that may be hostile: refuses repeated names, which JSON.parse accepts, and huge or deep documents. */
import { jsonProblem, PptError } from "@ppt-vit/core";
import { shown } from "../output/terminal.js";
import { quoted } from "./quoted.js";

const limits = {
  /** Our own documents nest six levels deep. */
  deepest: 32,
  /** Enough for 400,000 pictures. Each value may cost some 60 bytes of memory. */
  mostValues: 5_000_000,
};

/**
 * Parses `text`. Each object may hold a name only once; the document may have at most 32 levels and 5 million values.
 * @throws PptError INVALID_INPUT whose message starts with `where`
 */
export function parseJson(text: string, where: string): unknown {
  const refuse = (problem: string, cause?: unknown): never => {
    throw new PptError("INVALID_INPUT", `${where}: ${problem}`, { cause });
  };
  const problem = jsonProblem(text, limits);
  const line = () => `line ${text.slice(0, problem!.at).split("\n").length}`;
  if (problem?.kind === "deep") refuse(`${line()}: nested deeper than ${limits.deepest} levels`);
  if (problem?.kind === "many") refuse(`holds more than ${limits.mostValues} values`);
  if (problem?.kind === "twice") refuse(`${line()}: the name ${quoted(problem.name)} is there twice`);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    return refuse(`is not JSON: ${shown((cause as Error).message)}`, cause);
  }
}

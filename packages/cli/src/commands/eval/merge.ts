/** `ppt-vit eval merge`: joins the results of all shards into the result that a single run would give. */
import { PptError } from "@ppt-vit/core";
import { differences } from "../../documents/differences.js";
import { parseJson } from "../../documents/json.js";
import { readText } from "../../documents/read.js";
import { checked, complainer } from "../../documents/schema.js";
import { requireConsistent } from "./consistency.js";
import { comparable } from "./journal.js";
import { mergedFacts, reportOf } from "./report.js";
import { type EvalReport, evalReportSchema, mostDocumentBytes } from "./types.js";

/** Reads a result. @throws PptError NOT_FOUND; INVALID_INPUT that names the invalid field */
export const readReport = (file: string): EvalReport => parseReport(readText(file, mostDocumentBytes), file);

/** Parses a result. @throws PptError INVALID_INPUT that names the invalid field */
export function parseReport(text: string, file: string): EvalReport {
  const json = parseJson(text, file);
  const complain = complainer(file);
  const { evaluation } = (json ?? {}) as { evaluation?: unknown };
  if (evaluation !== "ppt-vit eval") return complain("", "not a result of ppt-vit eval");
  const report = checked(evalReportSchema, json, complain);
  requireConsistent(report, complain);
  return report;
}

export interface NamedReport {
  readonly file: string;
  readonly report: EvalReport;
}

/** How many missing shards a message lists. */
const listedShards = 5;

/**
 * Joins the shards, which must all be there, once, and with the same settings. Averages are computed again from the records of
 * the pictures, in order, so they equal those of a single run to the last bit.
 * @throws PptError INVALID_INPUT that names what is missing, given twice, or different
 */
export function mergeReports(parts: readonly NamedReport[]): EvalReport {
  const [first] = parts;
  if (!first) throw new PptError("INVALID_INPUT", "merge: no results are given");
  const { settings, tokens, gmacs, labels, shard } = first.report;
  if (!shard)
    throw new PptError("INVALID_INPUT", `${first.file}: a whole dataset, not a shard: there is nothing to merge`);
  const whole = (report: EvalReport) => ({
    ...comparable({ settings: report.settings, shard: null }),
    tokens: report.tokens,
    gmacs: report.gmacs,
    labels: report.labels,
  });
  const fileOf = new Map<number, string>();
  for (const { file, report } of parts) {
    const differing = differences(whole(first.report), whole(report));
    if (report.shard?.count !== shard.count)
      differing.push(`shards ${shard.count} there, ${report.shard?.count ?? "none"} here`);
    if (differing.length > 0 || !report.shard)
      throw new PptError(
        "INVALID_INPUT",
        `${file} is of another evaluation than ${first.file}: ${differing.join("; ")}`,
      );
    const known = fileOf.get(report.shard.index);
    if (known !== undefined)
      throw new PptError(
        "INVALID_INPUT",
        `${known} and ${file} are both shard ${report.shard.index} of ${shard.count}`,
      );
    fileOf.set(report.shard.index, file);
  }
  requireAllShards(fileOf, shard.count);

  const records = parts.flatMap(({ report }) => [...report.pictures, ...report.failures]);
  requireDifferentFiles(parts);
  const runs = parts.map(({ report }) => report.run);
  return {
    ...reportOf({ settings, shard: null, tokens, gmacs, labels }, records),
    run: mergedFacts(runs, records.length),
  };
}

/** Refuses missing shards. Lists only some of them, because a document may claim any number of shards. */
function requireAllShards(fileOf: ReadonlyMap<number, string>, count: number): void {
  const missing = count - fileOf.size;
  if (missing === 0) return;
  const some: number[] = [];
  for (let index = 1; some.length < Math.min(missing, listedShards); index++) if (!fileOf.has(index)) some.push(index);
  const rest = missing - some.length;
  throw new PptError(
    "INVALID_INPUT",
    `of ${count} shards, ${some.join(", ")}${rest > 0 ? ` and ${rest} more` : ""} are missing: run and give them, too`,
  );
}

/** Refuses a picture that is in two shards. Pictures that are in one shard twice were refused when it was read. */
function requireDifferentFiles(parts: readonly NamedReport[]): void {
  const partOf = new Map<string, string>();
  for (const { file: part, report } of parts)
    for (const [i, { file }] of [...report.pictures, ...report.failures].entries()) {
      const known = partOf.get(file);
      if (known !== undefined && known !== part) {
        const list = i < report.pictures.length ? `pictures[${i}]` : `failures[${i - report.pictures.length}]`;
        complainer(part)(`${list}.file`, `is there in ${known}, too`);
      }
      partOf.set(file, part);
    }
}

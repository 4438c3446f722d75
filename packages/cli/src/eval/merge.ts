/** `ppt-vit eval merge`: the results of all shards as the one that a single run gives. */
import { readFileSync } from "node:fs";
import { PptError } from "@ppt-vit/core";
import { comparable, differences } from "./journal.js";
import { mergedFacts, reportOf } from "./report.js";
import type { EvalReport } from "./types.js";

/** @throws PptError NOT_FOUND, INVALID_INPUT */
export function readReport(file: string): EvalReport {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new PptError("NOT_FOUND", `${file}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  const report = parse(text);
  if (report?.evaluation !== "ppt-vit eval" || report.version !== 1)
    throw new PptError("INVALID_INPUT", `${file}: not a result of ppt-vit eval`);
  return report;
}

function parse(text: string): EvalReport | undefined {
  try {
    return JSON.parse(text) as EvalReport;
  } catch {
    return undefined;
  }
}

export interface NamedReport {
  readonly file: string;
  readonly report: EvalReport;
}

/**
 * Each shard once, all with the same settings. Averages are made anew from the records of the pictures, in their order, so
 * they equal those of a single run to the last bit.
 * @throws PptError INVALID_INPUT that names what is missing, there twice, or different
 */
export function mergeReports(parts: readonly NamedReport[]): EvalReport {
  const [first] = parts;
  if (!first) throw new PptError("INVALID_INPUT", "merge: no results are given");
  const { settings, tokens, gmacs, labels, shard } = first.report;
  if (!shard)
    throw new PptError("INVALID_INPUT", `${first.file}: a whole dataset, not a shard: there is nothing to merge`);
  const fileOf = new Map<number, string>();
  for (const { file, report } of parts) {
    const differing = differences(
      comparable({ settings, shard: null }),
      comparable({ settings: report.settings, shard: null }),
    );
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
  const missing = Array.from({ length: shard.count }, (_, i) => i + 1).filter((index) => !fileOf.has(index));
  if (missing.length > 0)
    throw new PptError(
      "INVALID_INPUT",
      `of ${shard.count} shards, ${missing.join(", ")} are missing: run and give them, too`,
    );

  const records = parts.flatMap(({ report }) => [...report.pictures, ...report.failures]);
  const runs = parts.map(({ report }) => report.run);
  return {
    ...reportOf({ settings, shard: null, tokens, gmacs, labels }, records),
    run: mergedFacts(runs, records.length),
  };
}

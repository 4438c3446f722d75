/** The result of an evaluation: the document, computed from the records of the pictures, and its text for a terminal. */
import { availableParallelism, cpus } from "node:os";
import { shown } from "../../output/terminal.js";
import { packageVersions } from "../../versions.js";
import { classSummaries, confusionsOf, failuresOf, summaryOf } from "./score.js";
import {
  type Accuracy,
  type EvalReport,
  isFailed,
  type PictureRecord,
  type RunFacts,
  type ScoredPicture,
  type Times,
} from "./types.js";

/** The parts of the document that do not follow from the records. */
export type ReportFrame = Pick<EvalReport, "settings" | "shard" | "tokens" | "gmacs" | "labels">;

/** The document without the facts of its run. Equal frames and records give equal documents. */
export function reportOf(frame: ReportFrame, unordered: readonly PictureRecord[]): Omit<EvalReport, "run"> {
  const records = [...unordered].sort((a, b) => a.index - b.index);
  const { settings, shard, tokens, gmacs, labels } = frame;
  const classes = classSummaries(records, labels);
  const present = new Set(classes.map(({ label }) => label));
  return {
    evaluation: "ppt-vit eval",
    version: 1,
    settings,
    shard,
    tokens,
    gmacs,
    labels,
    summary: summaryOf(records),
    classes,
    classesWithoutPictures: labels.filter((_, label) => !present.has(label)),
    confusions: confusionsOf(records),
    failures: failuresOf(records),
    pictures: records.filter((record): record is ScoredPicture => !isFailed(record)),
  };
}

/** The facts of a run, from the times of all its batches, including those before an interruption. */
export function runFacts(times: readonly Times[], pictures: number): RunFacts {
  const seconds = (of: (time: Times) => number) => times.reduce((sum, time) => sum + of(time), 0) / 1000;
  return finished(
    {
      total: seconds(({ totalMs }) => totalMs),
      waitingForDecoding: seconds(({ waitingMs }) => waitingMs),
      model: seconds(({ modelMs }) => modelMs),
      unreduced: seconds(({ unreducedMs }) => unreducedMs),
    },
    pictures,
  );
}

/** The facts of merged shards. Their seconds are added, so pictures per second are those of one machine. */
export function mergedFacts(runs: readonly RunFacts[], pictures: number): RunFacts {
  const sum = (of: keyof RunFacts["seconds"]) => runs.reduce((total, run) => total + run.seconds[of], 0);
  return finished(
    {
      total: sum("total"),
      waitingForDecoding: sum("waitingForDecoding"),
      model: sum("model"),
      unreduced: sum("unreduced"),
    },
    pictures,
  );
}

function finished(seconds: RunFacts["seconds"], pictures: number): RunFacts {
  const ratio = (a: number, b: number) => (b > 0 ? a / b : null);
  const versions = Object.entries({ node: process.version, ...packageVersions() });
  return {
    finished: new Date().toISOString(),
    versions: Object.fromEntries(versions.filter((entry): entry is [string, string] => entry[1] !== null)),
    hardware: { cpu: cpus()[0]?.model.trim() ?? "unknown", cores: availableParallelism() },
    seconds,
    waitingShare: ratio(seconds.waitingForDecoding, seconds.total),
    picturesPerSecond: { overall: ratio(pictures, seconds.total), model: ratio(pictures, seconds.model) },
    speedup: seconds.unreduced > 0 ? ratio(seconds.unreduced, seconds.model) : null,
  };
}

const dash = "-";
export const percent = (share: number | null | undefined): string =>
  share === null || share === undefined ? dash : `${(100 * share).toFixed(2)} %`;
export const decimals = (value: number | null | undefined, digits: number): string =>
  value === null || value === undefined ? dash : value.toFixed(digits);

/** The rows of the comparison: values with the reduction, and without it if that was measured. */
export function comparison({ summary, gmacs, run, settings }: EvalReport): [name: string, ...values: string[]][] {
  const { unreduced, agreement } = summary;
  const pair = (name: string, show: (accuracy: Accuracy) => string): [string, ...string[]] =>
    unreduced ? [name, show(summary), show(unreduced)] : [name, show(summary)];
  const reduced = settings.reduction ? gmacs.reduced : gmacs.unreduced;
  const rate = decimals(run.picturesPerSecond.model, 1);
  const unreducedRate =
    run.speedup && run.picturesPerSecond.model ? decimals(run.picturesPerSecond.model / run.speedup, 1) : dash;
  return [
    pair("top-1", ({ top1 }) => percent(top1)),
    pair("top-5", ({ top5 }) => percent(top5)),
    pair("loss", ({ loss }) => decimals(loss, 4)),
    ...(agreement ? [["same answer", percent(agreement.share), ""] satisfies [string, string, string]] : []),
    unreduced ? ["GMACs", decimals(reduced, 3), decimals(gmacs.unreduced, 3)] : ["GMACs", decimals(reduced, 3)],
    unreduced ? ["pictures/s in the model", rate, unreducedRate] : ["pictures/s in the model", rate],
  ];
}

/** The headings of the columns of `comparison`. */
export const columnsOf = ({ settings, summary }: EvalReport): string[] => [
  settings.reduction ? "reduced" : "unreduced",
  ...(summary.unreduced ? ["unreduced"] : []),
];

/** The result as text for a terminal. */
export function reportText(report: EvalReport): string {
  const { summary, run, classes, classesWithoutPictures, settings, shard, tokens } = report;
  const part = shard ? `, shard ${shard.index} of ${shard.count}` : "";
  const head = ["", ...columnsOf(report)];
  const rows = [head, ...comparison(report)].map(
    ([name, ...values]) => name!.padEnd(26) + values.map((value) => value.padStart(12)).join(""),
  );
  const { agreement } = summary;
  return [
    `${summary.pictures} pictures of ${classes.length} classes${part}, model ${settings.model.name} on ${settings.backend}${settings.dtype ? ` in ${settings.dtype}` : ""}, tokens ${tokens.join(" -> ")}`,
    ...rows,
    ...(agreement
      ? [`right only reduced: ${agreement.rightOnlyReduced}, right only unreduced: ${agreement.rightOnlyUnreduced}`]
      : []),
    ...(classesWithoutPictures.length > 0
      ? [`${classesWithoutPictures.length} of the model's ${report.labels.length} classes have no pictures`]
      : []),
    ...(summary.failed > 0 ? [`${summary.failed} pictures could not be used; they count in nothing above`] : []),
    `${decimals(run.seconds.total, 1)} s, ${decimals(run.picturesPerSecond.overall, 1)} pictures/s in all, waiting for decoding ${percent(run.waitingShare)} of the time`,
    "",
  ]
    .map(shown)
    .join("\n");
}

/** The result of an evaluation: the document, computed from the records of the pictures, and its text for a terminal. */

import { availableParallelism, cpus } from "node:os";
import { type QuantizedDtypeName, quantizedDtypeNames } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import { shown } from "../../output/terminal.js";
import { packageVersions } from "../../versions.js";
import { dtypeSummaries } from "./dtypes.js";
import { besideFirst, reductionSummaries } from "./reductions.js";
import { classSummaries, confusionsOf, failuresOf, summaryOf } from "./score.js";
import {
  type Accuracy,
  type DifferenceSummary,
  type DtypeSummary,
  type EvalReport,
  isFailed,
  type PictureRecord,
  type RunFacts,
  type Summary,
  type Times,
  type UsedPicture,
} from "./types.js";

/** The parts of the document that do not follow from the records. */
export type ReportFrame = Pick<EvalReport, "settings" | "shard" | "tokens" | "gmacs" | "labels">;

/** The document without the facts of its run. Equal frames and records give equal documents. */
export function reportOf(frame: ReportFrame, unordered: readonly PictureRecord[]): Omit<EvalReport, "run"> {
  const records = [...unordered].sort((a, b) => a.index - b.index);
  const { settings, shard, tokens, gmacs, labels } = frame;
  const classes = classSummaries(records, labels);
  const used = records.filter((record): record is UsedPicture => !isFailed(record));
  const dtypes = dtypeSummaries(used, settings.compareDtypes);
  const reductions = reductionSummaries(used, settings);
  const present = new Set(classes.map(({ label }) => label));
  return {
    evaluation: "ppt-vit eval",
    version: 1,
    settings,
    shard,
    tokens,
    gmacs,
    labels,
    summary: { ...summaryOf(records), ...(dtypes && { dtypes }), ...(reductions && { reductions }) },
    classes,
    classesWithoutPictures: settings.labelled === false ? [] : labels.filter((_, label) => !present.has(label)),
    confusions: confusionsOf(records),
    failures: failuresOf(records),
    pictures: used,
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
      ...dtypeSeconds(
        times.map(({ dtypesMs }) => dtypesMs),
        1000,
      ),
      ...reductionSeconds(
        times.map(({ reductionsMs }) => reductionsMs),
        1000,
      ),
    },
    pictures,
  );
}

/** The facts of merged shards. Their seconds are added, so pictures per second are those of one machine. */
export function mergedFacts(runs: readonly RunFacts[], pictures: number): RunFacts {
  const sum = (of: Exclude<keyof RunFacts["seconds"], "dtypes" | "reductions">) =>
    runs.reduce((total, run) => total + run.seconds[of], 0);
  return finished(
    {
      total: sum("total"),
      waitingForDecoding: sum("waitingForDecoding"),
      model: sum("model"),
      unreduced: sum("unreduced"),
      ...dtypeSeconds(
        runs.map(({ seconds }) => seconds.dtypes),
        1,
      ),
      ...reductionSeconds(
        runs.map(({ seconds }) => seconds.reductions),
        1,
      ),
    },
    pictures,
  );
}

/** The sum of each precision's times, of which `unit` are a second. Nothing if no precision was compared. */
function dtypeSeconds(times: readonly Times["dtypesMs"][], unit: number): Pick<RunFacts["seconds"], "dtypes"> {
  const found = quantizedDtypeNames.filter((dtype) => times.some((one) => one?.[dtype] !== undefined));
  if (found.length === 0) return {};
  const sum = (dtype: QuantizedDtypeName) => times.reduce((total, one) => total + (one?.[dtype] ?? 0), 0) / unit;
  return { dtypes: Object.fromEntries(found.map((dtype) => [dtype, sum(dtype)])) };
}

/** The sum of the times under each of the other settings. Nothing if there are none. */
function reductionSeconds(
  times: readonly Times["reductionsMs"][],
  unit: number,
): Pick<RunFacts["seconds"], "reductions"> {
  const count = Math.max(0, ...times.map((one) => one?.length ?? 0));
  if (count === 0) return {};
  const sum = (i: number) => times.reduce((total, one) => total + (one?.[i] ?? 0), 0) / unit;
  return { reductions: Array.from({ length: count }, (_, i) => sum(i)) };
}

function finished(seconds: RunFacts["seconds"], pictures: number): RunFacts {
  const { dtypes, reductions } = seconds;
  const ratio = (a: number, b: number) => (b > 0 ? a / b : null);
  const versions = Object.entries({ node: process.version, ...packageVersions() });
  return {
    finished: new Date().toISOString(),
    versions: Object.fromEntries(versions.filter((entry): entry is [string, string] => entry[1] !== null)),
    hardware: { cpu: cpus()[0]?.model.trim() ?? "unknown", cores: availableParallelism() },
    seconds,
    waitingShare: ratio(seconds.waitingForDecoding, seconds.total),
    picturesPerSecond: {
      ...{ overall: ratio(pictures, seconds.total), model: ratio(pictures, seconds.model) },
      ...(dtypes && {
        dtypes: Object.fromEntries(Object.entries(dtypes).map(([dtype, own]) => [dtype, ratio(pictures, own)])),
      }),
      ...(reductions && { reductions: reductions.map((own) => ratio(pictures, own)) }),
    },
    speedup: seconds.unreduced > 0 ? ratio(seconds.unreduced, seconds.model) : null,
  };
}

const dash = "-";
export const percent = (share: number | null | undefined): string =>
  share === null || share === undefined ? dash : `${(100 * share).toFixed(2)} %`;
export const decimals = (value: number | null | undefined, digits: number): string =>
  value === null || value === undefined ? dash : value.toFixed(digits);

/** The rows of the comparison: values with the reduction, with the other settings, and without any if that was measured. */
export function comparison({ summary, gmacs, run, settings }: EvalReport): [name: string, ...values: string[]][] {
  const { unreduced, agreement, reductions = [] } = summary;
  const row = (name: string, first: string, others: readonly string[], last: string): [string, ...string[]] =>
    isBesideUnreduced(summary) ? [name, first, ...others, last] : [name, first, ...others];
  const pair = (name: string, show: (accuracy: Accuracy) => string): [string, ...string[]] =>
    row(name, show(summary), reductions.map(show), unreduced ? show(unreduced) : "");
  const reduced = settings.reduction ? gmacs.reduced : gmacs.unreduced;
  const rate = decimals(run.picturesPerSecond.model, 1);
  const unreducedRate =
    run.speedup && run.picturesPerSecond.model ? decimals(run.picturesPerSecond.model / run.speedup, 1) : dash;
  return [
    ...(settings.labelled === false
      ? []
      : [
          pair("top-1", ({ top1 }) => percent(top1)),
          pair("top-5", ({ top5 }) => percent(top5)),
          pair("loss", ({ loss }) => decimals(loss, 4)),
        ]),
    ...(agreement
      ? [
          row(
            "same answer",
            percent(agreement.share),
            reductions.map((one) => percent(one.agreement?.share)),
            "",
          ),
        ]
      : []),
    ...differenceRows(
      "unreduced",
      [summary, ...reductions].map(({ difference }) => difference),
    ).map(([name, first, ...others]) => row(name, first, others, "")),
    row(
      "GMACs",
      decimals(reduced, 3),
      reductions.map((_, i) => decimals(gmacs.reductions?.[i], 3)),
      decimals(gmacs.unreduced, 3),
    ),
    row(
      "pictures/s in the model",
      rate,
      reductions.map((_, i) => decimals(run.picturesPerSecond.reductions?.[i], 1)),
      unreducedRate,
    ),
  ];
}

/** The headings of the columns of `comparison`. */
export const columnsOf = ({ settings, summary }: EvalReport): string[] => [
  ...(settings.reductions?.map(({ name }) => name) ?? [settings.reduction ? "reduced" : "unreduced"]),
  ...(isBesideUnreduced(summary) ? ["unreduced"] : []),
];

const isBesideUnreduced = ({ unreduced, difference }: Summary): boolean =>
  unreduced !== undefined || difference !== undefined;

/** How answers differ from those of `reference`: a row for whatever any of the columns tells. */
function differenceRows(
  reference: string,
  columns: readonly (DifferenceSummary | undefined)[],
): [name: string, first: string, ...others: string[]][] {
  const row = (
    name: string,
    show: (own: DifferenceSummary) => string | undefined,
  ): [name: string, first: string, ...others: string[]][] => {
    const [first = dash, ...others] = columns.map((own) => (own && show(own)) ?? dash);
    return [first, ...others].every((value) => value === dash) ? [] : [[name, first, ...others]];
  };
  return [
    ...row(`same answer as ${reference}`, ({ answers }) => answers && percent(answers.share)),
    ...row("  95 % interval", ({ answers }) => answers && range(...answers.interval95)),
    ...row(`divergence from ${reference}, mean`, ({ divergence }) => divergence?.mean.toExponential(1)),
    ...row("  99th percentile", ({ divergence }) => divergence?.p99.toExponential(1)),
    ...row(`cosine with ${reference}, mean`, ({ cosine }) => cosine?.mean.toFixed(5)),
    ...row("  1st percentile", ({ cosine }) => cosine?.p1.toFixed(5)),
    ...row(`depth beside ${reference}, mean error`, ({ depthError }) => percent(depthError?.mean)),
    ...row("  99th percentile", ({ depthError }) => percent(depthError?.p99)),
  ];
}

const range = (low: number, high: number) => `${(100 * low).toFixed(2)} to ${percent(high)}`;

/** The headings and the rows of the comparison of precisions; undefined if none was compared. */
export function dtypeComparison({ summary, run }: EvalReport): string[][] | undefined {
  const { dtypes } = summary;
  if (!dtypes) return undefined;
  const found = Object.entries(dtypes).filter(
    (entry): entry is [QuantizedDtypeName, DtypeSummary] => entry[1] !== undefined,
  );
  const row = (
    name: string,
    fp32: string,
    show: (own: DtypeSummary, dtype: QuantizedDtypeName) => string | undefined,
  ) => {
    const values = found.map(([dtype, own]) => show(own, dtype));
    return values.every((value) => value === undefined) ? [] : [[name, fp32, ...values.map((value) => value ?? dash)]];
  };
  const shares = (of: (accuracy: Accuracy) => string) =>
    [of(summary), ({ accuracy }: DtypeSummary) => accuracy && of(accuracy)] as const;
  const stages = Math.max(...found.map(([, { decisions }]) => decisions.byStage.length));
  return [
    ["weights", "fp32", ...found.map(([dtype]) => dtype)],
    ...row("top-1", ...shares(({ top1 }) => percent(top1))),
    ...row("top-5", ...shares(({ top5 }) => percent(top5))),
    ...row("loss", ...shares(({ loss }) => decimals(loss, 4))),
    ...row("same decisions as fp32", "", ({ decisions }) => (decisions.of > 0 ? percent(decisions.share) : undefined)),
    ...Array.from({ length: stages }, (_, stage) =>
      row(`  stage ${stage + 1}`, "", ({ decisions: { byStage, of } }) =>
        percent((byStage[stage]! * byStage.length) / of),
      ),
    ).flat(),
    ...differenceRows(
      "fp32",
      found.map(([, own]) => own),
    ).map(([name, ...values]) => [name, "", ...values]),
    ...row("pictures/s in the model", decimals(run.picturesPerSecond.model, 1), (_, dtype) =>
      decimals(run.picturesPerSecond.dtypes?.[dtype], 1),
    ),
  ];
}

/** The result as text for a terminal. */
export function reportText(report: EvalReport): string {
  const { summary, run, classes, classesWithoutPictures, settings, shard, tokens } = report;
  const part = shard ? `, shard ${shard.index} of ${shard.count}` : "";
  const head = ["", ...columnsOf(report)];
  const lines = (rows: readonly (readonly string[])[]) => {
    const names = Math.max(26, ...rows.map(([name]) => name!.length));
    const width = Math.max(12, 2 + Math.max(...rows.flatMap(([, ...values]) => values.map(({ length }) => length))));
    return rows.map(([name, ...values]) => name!.padEnd(names) + values.map((value) => value.padStart(width)).join(""));
  };
  const dtypes = dtypeComparison(report);
  const { agreement } = summary;
  return [
    `${counted(summary.pictures, "picture")} ${settings.labelled === false ? "without labels" : `of ${counted(classes.length, "class", "classes")}`}${part}, model ${settings.model.name} on ${settings.backend}${settings.dtype ? ` in ${settings.dtype}` : ""}, tokens ${tokens.join(" -> ")}`,
    ...lines([head, ...comparison(report)]),
    ...(dtypes ? ["", ...lines(dtypes)] : []),
    ...(agreement
      ? [`right only reduced: ${agreement.rightOnlyReduced}, right only unreduced: ${agreement.rightOnlyUnreduced}`]
      : []),
    ...besideFirst(report),
    ...(classesWithoutPictures.length > 0
      ? [
          `without pictures: ${classesWithoutPictures.length} of the model's ${counted(report.labels.length, "class", "classes")}`,
        ]
      : []),
    ...(summary.failed > 0
      ? [`${counted(summary.failed, "picture")} could not be used, and counted in nothing above`]
      : []),
    `${decimals(run.seconds.total, 1)} s, ${decimals(run.picturesPerSecond.overall, 1)} pictures/s in all, waiting for decoding ${percent(run.waitingShare)} of the time`,
    "",
  ]
    .map(shown)
    .join("\n");
}

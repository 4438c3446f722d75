/** `ppt-vit calibrate`: reduction settings for a model, found on pictures without labels. */

import { existsSync, rmSync } from "node:fs";
import { defaultDtype, defaultPolicy, describeReduction, PptError, policyNames } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import {
  type Calibration,
  type CalibrationTarget,
  type CostMeasure,
  calibrate,
  calibrationPage,
  calibrationPlot,
  chooseSettings,
  disagreementInterval,
  divergenceInterval,
  imageExtensions,
  type Objective,
  paretoFront,
  reductionDocument,
  runnerUp,
  type Trial,
} from "@ppt-vit/pipeline";
import { type Command, Option } from "commander";
import { expandInputs } from "../../files/inputs.js";
import { takeLock } from "../../files/lock.js";
import { isKept, requireOutputs } from "../../files/outputs.js";
import { requireWritable, writeFileWhole } from "../../files/write-file.js";
import { backendOption } from "../../flags/backend-option.js";
import { type DtypeFlags, dtypeOption } from "../../flags/dtype-option.js";
import { addModelOptions, type ModelFlags, modelOption, withDownloads } from "../../flags/model-options.js";
import { count, positive, share } from "../../flags/numbers.js";
import { complain, print, printJson, say } from "../../output/print.js";
import { withProgress } from "../../output/progress.js";
import { type CalibrationJournal, openJournal } from "./journal.js";
import { keepLatencies, readLatencies } from "./latencies.js";

interface CalibrateFlags extends DtypeFlags, ModelFlags {
  readonly model: string;
  readonly backend: string;
  readonly images: readonly string[];
  readonly pictures: number;
  readonly targetGmacs?: number;
  readonly targetSpeedup?: number;
  readonly maxDisagreement?: number;
  readonly maxDivergence?: number;
  readonly objective: Objective;
  readonly cost: CostMeasure;
  readonly compare: boolean;
  readonly batch: number;
  readonly out: string;
  readonly report?: string;
  readonly plot?: string;
  readonly latencies?: string;
  readonly force: boolean;
  readonly json: boolean;
}

/** About how many trials a search takes, until it says so itself. */
const usualTrials = 140;

/** The policies to compare PPT with, as a sentence lists them. */
const others = new Intl.ListFormat("en-GB").format(policyNames.filter((name) => name !== defaultPolicy.name));

export function addCalibrateCommand(program: Command): void {
  const command = program
    .command("calibrate")
    .description("find reduction settings for a model, on pictures without labels")
    .requiredOption("--images <folder|file...>", "pictures like those that the model will be used on")
    .option(...modelOption, "demo")
    .addOption(backendOption())
    .addOption(dtypeOption())
    .option(
      "-o, --out <file>",
      "the file for the settings, to be used with --reduction and fromPretrained",
      "reduction.json",
    );
  addModelOptions(command)
    .option("--target-gmacs <g>", "find the best settings of at most this many GMACs per image", positive)
    .option("--target-speedup <x>", "find the best settings that are X times as fast as unreduced, by --cost", positive)
    .option(
      "--max-disagreement <share>",
      "find the cheapest settings that change at most this share of answers (default: 1%; needs classes)",
      share,
    )
    .option(
      "--max-divergence <d>",
      "find the cheapest settings of at most this divergence (default without classes: 0.01, the cosine distance)",
      positive,
    )
    .addOption(
      new Option("--objective <name>", "how the loss of settings is measured")
        .choices(["divergence", "disagreement"])
        .default("divergence"),
    )
    .addOption(
      new Option("--cost <name>", "the cost that is to be reduced").choices(["gmacs", "latency"]).default("gmacs"),
    )
    .option("--latencies <file>", "with --cost latency: keep the measured table in this file, and use it again")
    .option("--pictures <n>", "how many pictures to take, spread evenly over those given", count(1), 64)
    .option("--compare", `try the policies ${others} too`, false)
    .option("--batch <b>", "pictures per run of the model", count(1), 8)
    .option("--report <file>", "write an HTML page with the plot")
    .option("--plot <file>", "write the plot of all trials and their front as SVG")
    .option("--force", "replace the file of --out if it exists", false)
    .option("--json", "print one JSON document on stdout", false)
    .action(async (flags: CalibrateFlags) => {
      process.exitCode = await calibrateCommand(flags);
    });
}

/**
 * Writes the settings, and lists on stderr the pictures that cannot be read. A journal beside them lets an interrupted search go on.
 * @returns the exit code
 */
async function calibrateCommand(flags: CalibrateFlags): Promise<0 | 1> {
  const { model, backend, dtype, objective, cost: measure, compare, batch } = flags;
  const target = targetOf(flags);
  if (existsSync(flags.out) && !flags.force)
    throw new PptError("INVALID_OPTION", `${flags.out} exists: choose another --out, or replace it with --force`);
  requireWritable(flags.out);
  if (flags.latencies !== undefined && measure !== "latency")
    throw new PptError(
      "INVALID_OPTION",
      "--latencies keeps what --cost latency measures: add it, or leave --latencies out",
    );
  for (const name of ["report", "plot", "latencies"] as const)
    if (flags[name] !== undefined) requireWritable(flags[name], `--${name}`);
  const { files, failures: missing } = await expandInputs(flags.images);
  if (files.length === 0)
    throw missing[0]?.error ?? new PptError("NOT_FOUND", `--images: no pictures (${imageExtensions.join(" ")})`);
  const kept = isKept(flags.out) ? `${flags.out}.journal.jsonl` : undefined;
  const outputs = { "--out": flags.out, "--report": flags.report, "--plot": flags.plot };
  requireOutputs(outputs, [...files, flags.latencies], kept === undefined ? [] : [kept]);
  const images = evenly(files, flags.pictures);
  const latencies = flags.latencies === undefined ? [] : readLatencies(flags.latencies);

  const lock = kept === undefined ? undefined : takeLock(`${kept}.lock`, flags.out);
  let journal: CalibrationJournal | undefined;
  let calibration: Calibration;
  try {
    calibration = await withProgress(usualTrials, (progress) =>
      withDownloads(model, flags, (loading) =>
        calibrate(model, {
          ...loading,
          ...{ images, backend, dtype, target, objective, measure, latencies, compare, batch },
          ...(flags.latencies !== undefined && {
            onLatencies: (table) => keepLatencies(flags.latencies!, latencies, table),
          }),
          onProgress: ({ done, about }) => progress.expect(done, about),
          ...(kept !== undefined && {
            memory: (identity) => {
              journal = openJournal(kept, identity);
              if (journal.earlier > 0)
                say(`ppt-vit: going on with ${kept}: ${counted(journal.earlier, "trial is", "trials are")} made`);
              return journal;
            },
          }),
        }),
      ),
    );
  } finally {
    journal?.close();
    lock?.release();
  }
  const failed = [...missing.map(({ error }) => error), ...calibration.failures.map(({ error }) => error)];
  for (const error of failed) complain(error);

  const chosen = chooseSettings(calibration, calibration.target);
  const settings = reductionDocument(calibration, chosen, calibration.target);
  writeFileWhole(flags.out, `${JSON.stringify(settings, null, 2)}\n`);
  // Only an interrupted search needs it.
  if (kept !== undefined) rmSync(kept, { force: true });
  if (flags.plot !== undefined) writeFileWhole(flags.plot, `${calibrationPlot(calibration, chosen)}\n`, "--plot");
  if (flags.report !== undefined) writeFileWhole(flags.report, calibrationPage(calibration, chosen), "--report");
  if (flags.json) printJson(report(calibration, settings), 2);
  else print(...summary(calibration, chosen, flags));
  return failed.length > 0 ? 1 : 0;
}

/** Undefined for the usual target of the model's kind of answers. @throws PptError INVALID_OPTION if several are given */
function targetOf(flags: CalibrateFlags): CalibrationTarget | undefined {
  const { targetGmacs, targetSpeedup, maxDisagreement, maxDivergence } = flags;
  if ([targetGmacs, targetSpeedup, maxDisagreement, maxDivergence].filter((value) => value !== undefined).length > 1)
    throw new PptError(
      "INVALID_OPTION",
      "give one of --target-gmacs, --target-speedup, --max-disagreement and --max-divergence",
    );
  if (targetGmacs !== undefined) return { gmacs: targetGmacs };
  if (targetSpeedup !== undefined) return { speedup: targetSpeedup };
  if (maxDivergence !== undefined) return { maxDivergence };
  return maxDisagreement === undefined ? undefined : { maxDisagreement };
}

/** At most `most` items, spread evenly over the list. */
const evenly = <T>(list: readonly T[], most: number): T[] =>
  list
    .filter((_, i) => Math.floor((i * most) / list.length) !== Math.floor(((i - 1) * most) / list.length))
    .slice(0, most);

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

function summary(calibration: Calibration, chosen: Trial, flags: CalibrateFlags): string[] {
  const { out, report, plot, latencies, compare } = flags;
  const { model, backend, dtype, pictures, trials, screened, unreduced, measure, objective } = calibration;
  const second = runnerUp(calibration, chosen);
  const interval = disagreementInterval(chosen);
  const differing = ({ disagreements }: Trial) =>
    disagreements === undefined ? "" : `${String(disagreements).padStart(4)} of ${pictures}  `;
  const line = (trial: Trial) =>
    `  ${trial === chosen ? ">" : " "} ${trial.gmacs.toFixed(3)}  ${trial.latencyMs.toFixed(1).padStart(7)}  ${trial.divergence.toExponential(1)}  ${differing(trial)}${describeReduction(trial.reduction)}`;
  const heading = `    GMACs       ms  divergence  ${interval ? "other answer  " : ""}settings`;
  return [
    `model ${model.name} on ${backend}${dtype === defaultDtype ? "" : ` in ${dtype}`}: ${trials.length + screened} settings tried on ${counted(pictures, "picture")}`,
    "",
    heading,
    ...paretoFront(trials, measure, objective).reverse().map(line),
    ...(compare ? ["", "  the other policies", ...calibration.comparisons.map(line)] : []),
    "",
    `chosen: ${describeReduction(chosen.reduction)}`,
    `  ${unreduced.gmacs.toFixed(3)} -> ${chosen.gmacs.toFixed(3)} GMACs, ${unreduced.latencyMs.toFixed(1)} -> ${chosen.latencyMs.toFixed(1)} ms an image`,
    ...(chosen.estimatedMs !== undefined && unreduced.estimatedMs !== undefined
      ? [
          `  by the table of latencies ${unreduced.estimatedMs.toFixed(2)} -> ${chosen.estimatedMs.toFixed(2)} ms an image`,
        ]
      : []),
    ...(interval
      ? [
          `  ${chosen.disagreements} of ${pictures} answers differ from the unreduced model's; ${counted(pictures, "picture")} can tell no more than between ${interval.map(percent).join(" and ")} (95 %)`,
        ]
      : []),
    `  divergence ${chosen.divergence.toPrecision(2)}, from ${divergenceInterval(chosen)
      .map((end) => end.toPrecision(2))
      .join(" to ")} (95 %), on the ${counted(chosen.divergences.length, "picture")} that decided`,
    ...(second
      ? [
          `  runner-up: ${describeReduction(second.trial.reduction)}, loss ${second.trial.loss.toPrecision(2)} against ${chosen.loss.toPrecision(2)}; the chosen ones win on ${percent(second.chosenIsBetter)} of resamplings of the pictures`,
        ]
      : []),
    ...calibration.notices.map((notice) => `note: ${notice}`),
    `wrote ${[out, report, plot, latencies].filter((file) => file !== undefined).join(", ")}; use it with --reduction ${/[/\\]|\.json$/i.test(out) ? out : `./${out}`}`,
  ];
}

/** The document that --json prints. Documented in apps/docs/cli. */
function report(calibration: Calibration, settings: object) {
  const plain = ({ divergences: _, losses: __, ...trial }: Trial) => trial;
  const { trials, screenings, comparisons, spreads, failures, ...rest } = calibration;
  return {
    settings,
    ...rest,
    trials: trials.map(plain),
    front: paretoFront(trials, rest.measure, rest.objective).map(plain),
    screenings: screenings.map(plain),
    comparisons: comparisons.map(plain),
    spreads,
    failures: failures.map(({ input, error }) => ({ file: String(input), code: error.code, message: error.message })),
  };
}

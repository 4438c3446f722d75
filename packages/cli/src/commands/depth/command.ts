/** `ppt-vit depth`: how far away each pixel of a picture is, as PNG files. */
import type { PptError } from "@ppt-vit/core";
import {
  type DepthEstimate,
  type DepthEstimator,
  type DepthFormat,
  depthFormats,
  depthInterpolations,
  isFailure,
  renderDepth,
} from "@ppt-vit/pipeline";
import { type Command, Option } from "commander";
import { expandInputs } from "../../files/inputs.js";
import { writeFileWhole } from "../../files/write-file.js";
import { backendOption } from "../../flags/backend-option.js";
import { dtypeOption } from "../../flags/dtype-option.js";
import { addModelOptions, modelOption } from "../../flags/model-options.js";
import { addPictureOptions, decodeOptions } from "../../flags/picture-options.js";
import { addReductionOptions, refuseContradiction } from "../../flags/reduction-options.js";
import { addSharingOptions, inputsArgument, type JobFlags, refuseUselessSharing } from "../../jobs/flags.js";
import { runJob } from "../../jobs/run.js";
import { describeStages, headline, meanLatency } from "../../output/model.js";
import { complain, print, printJson } from "../../output/print.js";
import { withProgress } from "../../output/progress.js";
import { depthFiles, depthFormatOf } from "./outputs.js";
import { depthTask, type EstimateFlags, estimateOptions, loadEstimator } from "./task.js";

interface DepthFlags extends EstimateFlags, Omit<JobFlags, "format" | "vectors"> {
  readonly format?: DepthFormat;
  readonly colour: boolean;
  readonly table?: (typeof tables)[number];
  readonly json: boolean;
}

/** The formats of a table without vectors. */
const tables = ["parquet", "jsonl"] as const;

/** What is told of a picture: its map is in a file. */
type Written = Omit<DepthEstimate, "predicted_depth" | "depth" | "image"> & {
  readonly out: string;
  readonly width: number;
  readonly height: number;
};

interface Failure {
  readonly file: string;
  readonly error: PptError;
}

export function addDepthCommand(program: Command): void {
  const command = program
    .command("depth")
    .description("write how far away each pixel of a picture is, as PNG files (Depth Anything, DPT on DINOv2)")
    .argument(...inputsArgument)
    .requiredOption(...modelOption)
    .option(
      "-o, --out <file|folder>",
      "the file for one picture, or the folder for several (default: depth.png, or depth/)",
    )
    .addOption(
      new Option(
        "--format <name>",
        "grey16 and grey8: grey PNG files, 0 for the least value of each picture and full white for the greatest; colour: PNG files in viridis; npy: the values, for NumPy (default: grey16, or npy if --out ends with .npy)",
      ).choices(depthFormats),
    )
    .option("--colour", "the same as --format colour", false)
    .addOption(
      new Option(
        "--table <name>",
        "work as a job, which goes on if it was interrupted: maps go to maps/ in the folder --out, and a table of them to parts beside it",
      ).choices(tables),
    )
    .addOption(backendOption())
    .addOption(dtypeOption());
  addSharingOptions(addPictureOptions(addReductionOptions(addModelOptions(command))))
    .addOption(
      new Option(
        "--interpolation <name>",
        "how maps get the size of their pictures: bilinear as transformers.js, bicubic as transformers, none keeps the model's size",
      )
        .choices(depthInterpolations)
        .default("bilinear"),
    )
    .option("--verify", "first compare the depth of a known input, to check that this device computes correctly", false)
    .option("--json", "print one JSON document on stdout, with the least and the greatest value of each picture", false)
    .action(async (inputs: string[], flags: DepthFlags, command: Command) => {
      refuseContradiction(flags, command);
      refuseUselessSharing(flags, command, flags.table !== undefined, "for --table");
      process.exitCode = await depthCommand(inputs, flags);
    });
}

/** Writes the depth of each picture as soon as it is computed. @returns the exit code */
async function depthCommand(inputs: readonly string[], flags: DepthFlags): Promise<0 | 1> {
  const format = depthFormatOf(flags.format, flags.colour, flags.out);
  const { table, out = "depth" } = flags;
  if (table !== undefined) {
    const job = { ...flags, out, format: table, vectors: "float32" } as const;
    return runJob(depthTask(flags, out, format), inputs, job, decodeOptions(flags));
  }
  const { files, failures: notFound } = await expandInputs(inputs);
  const failures: Failure[] = [...notFound];
  for (const { error } of notFound) complain(error);
  const isFolder = inputs.length > 1 || inputs[0] !== files[0];
  const outs = depthFiles(files, isFolder, flags.out, format);
  try {
    return await estimate(files, outs.files, failures, format, flags);
  } finally {
    outs.removeEmpty();
  }
}

async function estimate(
  files: readonly (string | URL)[],
  outs: readonly string[],
  failures: Failure[],
  format: DepthFormat,
  flags: DepthFlags,
): Promise<0 | 1> {
  const estimator = await loadEstimator(flags, flags.backend);
  const results: Written[] = [];
  try {
    if (!flags.json) print(headline(estimator));
    await withProgress(files.length, async (progress) => {
      let next = 0;
      for await (const result of estimator.estimateDepthAll(files, estimateOptions(flags))) {
        const out = outs[next++]!;
        if (isFailure(result)) {
          failures.push({ file: String(result.input), error: result.error });
          progress.interrupt(() => complain(result.error));
        } else {
          const { predicted_depth, depth: _, image: __, ...told } = result;
          writeFileWhole(out, await renderDepth(predicted_depth, format));
          const [height, width] = predicted_depth.dims;
          const written = { ...told, out, width, height };
          results.push(written);
          if (!flags.json) progress.interrupt(() => print(...lines(written, estimator)));
        }
        progress.advance();
      }
    });
    if (flags.json) printJson(report(estimator, format, results, failures), 2);
    else print(`${results.length} estimated, ${failures.length} failed${meanLatency(results)}`);
  } finally {
    await estimator.dispose();
  }
  return failures.length > 0 ? 1 : 0;
}

/** What the least and the greatest value of a map mean. */
const ends = { relative: ["farthest", "nearest"], metric: ["metres, nearest", "metres, farthest"] } as const;

function lines(
  { input, out, width, height, minimum, maximum, patches, stages, latencyMs }: Written,
  estimator: DepthEstimator,
): string[] {
  const [least, greatest] = ends[estimator.depthKind];
  const [rows, columns] = estimator.patches;
  const special = estimator.tokens[0]! - rows * columns;
  const tokens = patches ? special + patches[0] * patches[1] : estimator.tokens[0];
  return [
    `${input}  ${latencyMs.toFixed(0)} ms`,
    `  ${out}  ${width} x ${height}, from ${shown(minimum)} (${least}) to ${shown(maximum)} (${greatest})`,
    `  ${describeStages(tokens, stages)}`,
  ];
}

const shown = (value: number): string => String(Number(value.toPrecision(4)));

/** The document that --json prints. Documented in apps/docs/cli. */
function report(
  estimator: DepthEstimator,
  format: DepthFormat,
  results: readonly Written[],
  failures: readonly Failure[],
) {
  const { model, backend, dtype, reduction, gmacs, depthKind, verification, patches } = estimator;
  return {
    ...{ model, backend, dtype, reduction: reduction ?? null, gmacs, depthKind },
    ...{ verification: verification ?? null, format },
    images: results.map(({ input, out, ...told }) => ({ file: String(input), out, patches, ...told })),
    failures: failures.map(({ file, error }) => ({ file, code: error.code, message: error.message })),
  };
}

/** `ppt-vit classify`: the most probable classes of each picture. */
import type { PptError } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import { type Classification, type ImageClassifier, isFailure, showAnswer } from "@ppt-vit/pipeline";
import type { Command } from "commander";
import { expandInputs } from "../../files/inputs.js";
import { backendOption } from "../../flags/backend-option.js";
import { dtypeOption } from "../../flags/dtype-option.js";
import { addModelOptions, modelOption } from "../../flags/model-options.js";
import { count } from "../../flags/numbers.js";
import { addPictureOptions, decodeOptions } from "../../flags/picture-options.js";
import { addReductionOptions, refuseContradiction } from "../../flags/reduction-options.js";
import { addJobOptions, inputsArgument, type JobFlags, refuseUselessJobFlags } from "../../jobs/flags.js";
import { runJob } from "../../jobs/run.js";
import { describeStages, headline, meanLatency } from "../../output/model.js";
import { complain, print, printJson } from "../../output/print.js";
import { withProgress } from "../../output/progress.js";
import { type ClassifyFlags, classifyOptions, classifyTask, loadClassifier } from "./task.js";

interface Flags extends ClassifyFlags, JobFlags {
  readonly json: boolean;
}

interface Failure {
  readonly file: string;
  readonly error: PptError;
}

export function addClassifyCommand(program: Command): void {
  const command = program
    .command("classify")
    .description("name what is in pictures (JPEG, PNG, WebP, GIF, AVIF)")
    .argument(...inputsArgument)
    .option(...modelOption, "demo")
    .addOption(backendOption())
    .addOption(dtypeOption());
  addJobOptions(addPictureOptions(addReductionOptions(addModelOptions(command))))
    .option("-k, --top <k>", "labels per picture", count(1), 5)
    .option(
      "--text-embeddings <file>",
      "labels for CLIP and SigLIP: a safetensors file, see apps/docs/guide/zero-shot.md",
    )
    .option(
      "--verify",
      "first compare the logits of a known input, to check that this device computes correctly",
      false,
    )
    .option("--json", "print one JSON document on stdout", false)
    .action(async (inputs: string[], flags: Flags, command: Command) => {
      refuseContradiction(flags, command);
      refuseUselessJobFlags(flags, command);
      process.exitCode = await classifyCommand(inputs, flags);
    });
}

/** Prints results to stdout and everything else to stderr; with --out it works as a job. @returns the exit code */
async function classifyCommand(inputs: readonly string[], flags: Flags): Promise<0 | 1> {
  const { out } = flags;
  if (out !== undefined) return runJob(classifyTask(flags), inputs, { ...flags, out }, decodeOptions(flags));
  const { files, failures: notFound } = await expandInputs(inputs);
  const failures: Failure[] = [...notFound];
  for (const failure of notFound) complain(failure.error);
  const classifier = await loadClassifier(flags, flags.backend);
  const results: Classification[] = [];
  try {
    if (!flags.json) print(headline(classifier));
    await withProgress(files.length, async (progress) => {
      for await (const result of classifier.classifyAll(files, classifyOptions(flags))) {
        if (isFailure(result)) {
          failures.push({ file: String(result.input), error: result.error });
          progress.interrupt(() => complain(result.error));
        } else {
          results.push(result);
          if (!flags.json) progress.interrupt(() => print(...lines(result, classifier)));
        }
        progress.advance();
      }
    });
    if (flags.json) printJson(report(classifier, results, failures), 2);
    else print(summary(classifier, results, failures.length));
  } finally {
    await classifier.dispose();
  }
  return failures.length > 0 ? 1 : 0;
}

function lines({ input, labels, stages, latencyMs }: Classification, { tokens }: ImageClassifier): string[] {
  const named = labels.map((answer) => `  ${showAnswer(answer).padStart(7)}  ${answer.label}`);
  return [`${input}  ${latencyMs.toFixed(0)} ms`, ...named, `  ${describeStages(tokens[0], stages)}`];
}

function summary({ tokens }: ImageClassifier, results: readonly Classification[], failed: number): string {
  return `${results.length} classified, ${failed} failed${meanLatency(results)}, ${counted(tokens.at(-1)!, "token")} at the end`;
}

/** The document that --json prints. Documented in apps/docs/cli. */
function report(classifier: ImageClassifier, results: readonly Classification[], failures: readonly Failure[]) {
  return {
    model: classifier.model,
    backend: classifier.backend,
    dtype: classifier.dtype,
    reduction: classifier.reduction ?? null,
    gmacs: classifier.gmacs,
    problem: classifier.problem,
    verification: classifier.verification ?? null,
    images: results.map(({ input, labels, stages, latencyMs }) => ({
      file: String(input),
      labels,
      tokens: classifier.tokens,
      stages,
      latencyMs,
    })),
    failures: failures.map(({ file, error }) => ({ file, code: error.code, message: error.message })),
  };
}

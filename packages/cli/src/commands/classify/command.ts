/** `ppt-vit classify`: the most probable classes of each picture. */
import type { PptError } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import {
  type Classification,
  fromPretrained,
  type ImageClassifier,
  isFailure,
  parseTextEmbeddings,
  showAnswer,
  type TextEmbeddings,
} from "@ppt-vit/pipeline";
import type { Command } from "commander";
import { readChunks } from "../../documents/read.js";
import { expandInputs } from "../../files/inputs.js";
import { backendOption } from "../../flags/backend-option.js";
import { type DtypeFlags, dtypeOption } from "../../flags/dtype-option.js";
import { addModelOptions, type ModelFlags, modelOption, withDownloads } from "../../flags/model-options.js";
import { count } from "../../flags/numbers.js";
import { addPictureOptions, batchOptions, type PictureFlags } from "../../flags/picture-options.js";
import {
  addReductionOptions,
  type ReductionFlags,
  reductionOf,
  refuseContradiction,
} from "../../flags/reduction-options.js";
import { describeStages, headline, meanLatency } from "../../output/model.js";
import { complain, print, printJson } from "../../output/print.js";
import { withProgress } from "../../output/progress.js";

interface ClassifyFlags extends DtypeFlags, ReductionFlags, ModelFlags, PictureFlags {
  readonly model: string;
  readonly backend: string;
  readonly top: number;
  readonly textEmbeddings?: string;
  readonly verify: boolean;
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
    .argument("<image|folder...>", "picture files, and folders that are searched for pictures")
    .option(...modelOption, "demo")
    .addOption(backendOption())
    .addOption(dtypeOption());
  addPictureOptions(addReductionOptions(addModelOptions(command)))
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
    .action(async (inputs: string[], flags: ClassifyFlags, command: Command) => {
      refuseContradiction(flags, command);
      process.exitCode = await classifyCommand(inputs, flags);
    });
}

/** Prints results to stdout and everything else to stderr. @returns the exit code */
async function classifyCommand(inputs: readonly string[], flags: ClassifyFlags): Promise<0 | 1> {
  const { files, failures: notFound } = await expandInputs(inputs);
  const failures: Failure[] = [...notFound];
  for (const failure of notFound) complain(failure.error);
  const classifier = await withDownloads(flags.model, flags, async (loading) =>
    fromPretrained(flags.model, {
      ...loading,
      backend: flags.backend,
      dtype: flags.dtype,
      reduction: reductionOf(flags),
      imageSize: flags.imageSize,
      verify: flags.verify,
      ...(flags.textEmbeddings !== undefined && { textEmbeddings: await readTexts(flags.textEmbeddings) }),
    }),
  );
  const results: Classification[] = [];
  try {
    if (!flags.json) print(headline(classifier));
    const options = { topK: flags.top, ...batchOptions(flags) };
    await withProgress(files.length, async (progress) => {
      for await (const result of classifier.classifyAll(files, options)) {
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

/** The largest file of text embeddings, in bytes: 65,536 labels of 1024 numbers. */
const longestTexts = 2 ** 28;

/** @throws PptError NOT_FOUND, INVALID_INPUT, INVALID_SAFETENSORS, INVALID_CONFIG */
async function readTexts(path: string): Promise<TextEmbeddings> {
  return parseTextEmbeddings(Buffer.concat([...readChunks(path, longestTexts)]), path);
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

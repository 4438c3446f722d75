/** `ppt-vit embed`: a vector for each picture, as JSON lines or as files. */
import { isFailure, poolings } from "@ppt-vit/pipeline";
import { type Command, Option } from "commander";
import { expandInputs } from "../../files/inputs.js";
import { backendOption } from "../../flags/backend-option.js";
import { dtypeOption } from "../../flags/dtype-option.js";
import { addModelOptions, modelOption } from "../../flags/model-options.js";
import { addPictureOptions, decodeOptions } from "../../flags/picture-options.js";
import { addReductionOptions, refuseContradiction } from "../../flags/reduction-options.js";
import { addJobOptions, inputsArgument, type JobFlags, refuseUselessJobFlags } from "../../jobs/flags.js";
import { shortest } from "../../jobs/formats/jsonl.js";
import { runJob } from "../../jobs/run.js";
import { complain, printJson, say } from "../../output/print.js";
import { withProgress } from "../../output/progress.js";
import { describeVerification } from "../../output/verified.js";
import { type EmbedFlags, embedOptions, embedTask, loadExtractor } from "./task.js";

interface Flags extends EmbedFlags, JobFlags {}

export function addEmbedCommand(program: Command): void {
  const embed = program
    .command("embed")
    .description("turn pictures into vectors: for search, clustering, or a classifier of your own")
    .argument(...inputsArgument)
    .option(...modelOption, "demo")
    .addOption(backendOption())
    .addOption(dtypeOption());
  addJobOptions(addPictureOptions(addReductionOptions(addModelOptions(embed))))
    .addOption(
      new Option(
        "--pooling <name>",
        "class token, mean of the tokens weighted by size, distilled (mean of class and distillation token), attention (SigLIP's head), or CLIP's projection (default: as the model was made)",
      ).choices(poolings),
    )
    .option("--normalize", "divide each vector by its length", false)
    .option(
      "--verify",
      "first compare the outputs for a known input, to check that this device computes correctly",
      false,
    )
    .action(async (inputs: string[], flags: Flags, command: Command) => {
      refuseContradiction(flags, command);
      refuseUselessJobFlags(flags, command);
      process.exitCode = await embedCommand(inputs, flags);
    });
}

/**
 * Prints each vector to stdout as soon as it is computed, and everything else to stderr; with --out it works as a job.
 * @returns the exit code
 */
async function embedCommand(inputs: readonly string[], flags: Flags): Promise<0 | 1> {
  const { out } = flags;
  if (out !== undefined) return runJob(embedTask(flags), inputs, { ...flags, out }, decodeOptions(flags));
  const { files, failures } = await expandInputs(inputs);
  for (const { error } of failures) complain(error);
  let failed = failures.length;
  const extractor = await loadExtractor(flags, flags.backend);
  if (extractor.verification) say(describeVerification(extractor.verification));
  try {
    await withProgress(files.length, async (progress) => {
      for await (const result of extractor.embedAll(files, embedOptions(flags))) {
        if (isFailure(result)) {
          failed++;
          progress.interrupt(() => complain(result.error));
        } else {
          const document = { file: String(result.input), embedding: Array.from(result.embedding, shortest) };
          progress.interrupt(() => printJson(document));
        }
        progress.advance();
      }
    });
  } finally {
    await extractor.dispose();
  }
  return failed > 0 ? 1 : 0;
}

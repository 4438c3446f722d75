/** `ppt-vit embed`: a vector for each picture, as JSON lines. */
import { fromPretrained, isFailure, type Pooling, poolings } from "@ppt-vit/pipeline";
import { type Command, Option } from "commander";
import { expandInputs } from "../../files/inputs.js";
import { backendOption } from "../../flags/backend-option.js";
import { type DtypeFlags, dtypeOption } from "../../flags/dtype-option.js";
import { addModelOptions, type ModelFlags, modelOption, withDownloads } from "../../flags/model-options.js";
import { addPictureOptions, batchOptions, type PictureFlags } from "../../flags/picture-options.js";
import {
  addReductionOptions,
  type ReductionFlags,
  reductionOf,
  refuseContradiction,
} from "../../flags/reduction-options.js";
import { complain, printJson, say } from "../../output/print.js";
import { withProgress } from "../../output/progress.js";
import { describeVerification } from "../../output/verified.js";

interface EmbedFlags extends DtypeFlags, ReductionFlags, ModelFlags, PictureFlags {
  readonly model: string;
  readonly backend: string;
  readonly pooling?: Pooling;
  readonly normalize: boolean;
  readonly verify: boolean;
}

export function addEmbedCommand(program: Command): void {
  const embed = program
    .command("embed")
    .description("turn pictures into vectors, one JSON line each: for search, clustering, or a classifier of your own")
    .argument("<image|folder...>", "picture files, and folders that are searched for pictures")
    .option(...modelOption, "demo")
    .addOption(backendOption())
    .addOption(dtypeOption());
  addPictureOptions(addReductionOptions(addModelOptions(embed)))
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
    .action(async (inputs: string[], flags: EmbedFlags, command: Command) => {
      refuseContradiction(flags, command);
      process.exitCode = await embedCommand(inputs, flags);
    });
}

/** Prints each vector to stdout as soon as it is computed, and everything else to stderr. @returns the exit code */
async function embedCommand(inputs: readonly string[], flags: EmbedFlags): Promise<0 | 1> {
  const { files, failures } = await expandInputs(inputs);
  for (const { error } of failures) complain(error);
  let failed = failures.length;
  const extractor = await withDownloads(flags.model, flags, (loading) =>
    fromPretrained(flags.model, {
      ...loading,
      task: "image-feature-extraction",
      backend: flags.backend,
      dtype: flags.dtype,
      reduction: reductionOf(flags),
      imageSize: flags.imageSize,
      verify: flags.verify,
    }),
  );
  if (extractor.verification) say(describeVerification(extractor.verification));
  try {
    const { pooling, normalize } = flags;
    const options = { ...batchOptions(flags), normalize, ...(pooling && { pooling }) };
    await withProgress(files.length, async (progress) => {
      for await (const result of extractor.embedAll(files, options)) {
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

/** Nine significant digits distinguish every float32 from its neighbours. */
const shortest = (value: number): number => Number(value.toPrecision(9));

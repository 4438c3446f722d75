/** `ppt-vit visualize`: a figure of what happens to a picture's patches, stage by stage. */
import { basename } from "node:path";
import { PptError } from "@ppt-vit/core";
import {
  type BatchOptions,
  firstTaskOf,
  fromPretrained,
  type ImageInput,
  isFailure,
  type ModelFacts,
  type ModelOptions,
  type OptionsOf,
  type PictureFailure,
  type PictureRun,
  type PretrainedModel,
  readCheckpoint,
  renderTokens,
  type TaskName,
  type TokenPicture,
  type TracedPicture,
  tokenPicture,
} from "@ppt-vit/pipeline";
import type { Command } from "commander";
import { expandInputs } from "../../files/inputs.js";
import { requireOutputs } from "../../files/outputs.js";
import { requireWritable, writeFileWhole } from "../../files/write-file.js";
import { backendOption } from "../../flags/backend-option.js";
import { type DtypeFlags, dtypeOption } from "../../flags/dtype-option.js";
import { addModelOptions, type ModelFlags, modelOption, withDownloads } from "../../flags/model-options.js";
import { count } from "../../flags/numbers.js";
import { addBatchOptions, type BatchFlags, batchOptions } from "../../flags/picture-options.js";
import { addReductionOptions, type ReductionFlags, reductionOf } from "../../flags/reduction-options.js";
import { complain, print, say } from "../../output/print.js";
import { withProgress } from "../../output/progress.js";
import { tokenFormatOf } from "./format.js";

interface VisualizeFlags extends DtypeFlags, ReductionFlags, ModelFlags, BatchFlags {
  readonly model: string;
  readonly backend: string;
  readonly out: string;
  readonly scores: boolean;
  readonly panel: number;
  readonly scale: number;
}

export function addVisualizeCommand(program: Command): void {
  const visualize = program
    .command("visualize")
    .description("draw pictures stage by stage: what was pruned, and what was pooled into one token")
    .argument("<image|folder...>", "picture files, and folders that are searched for pictures")
    .option("-o, --out <file>", "the file to write: a sheet (.png or .svg) or a page (.html)", "tokens.png")
    .option(...modelOption, "demo")
    .addOption(backendOption())
    .addOption(dtypeOption());
  const drawn = addReductionOptions(addModelOptions(visualize))
    .option("--scores", "also draw the significance scores of each stage", false)
    .option("--panel <pixels>", "width of each picture", count(16, 4096), 224)
    .option("--scale <n>", "pixels of a PNG file for each pixel of the drawing", count(1, 16), 2);
  addBatchOptions(drawn).action(async (inputs: string[], flags: VisualizeFlags) => {
    process.exitCode = await visualizeCommand(inputs, flags);
  });
}

type Files = readonly (string | URL)[];
type Traced = TracedPicture & Pick<PictureRun, "patches"> & { readonly input: ImageInput };
type Results = AsyncGenerator<Traced | PictureFailure>;

/** What a model of each task gives for pictures, as cheaply as it can: tokens are followed in the same way in all of them. */
const runs: {
  readonly [Name in TaskName]: (model: PretrainedModel<Name>) => (files: Files, options: BatchOptions) => Results;
} = {
  "image-classification": (model) => (files, options) => model.classifyAll(files, { ...options, topK: 1 }),
  "image-feature-extraction": (model) => (files, options) => model.embedAll(files, options),
  "depth-estimation": (model) => (files, options) =>
    model.estimateDepthAll(files, { ...options, interpolation: "none" }),
};

async function open<Name extends TaskName>(task: Name, source: string, options: ModelOptions) {
  const traced = await fromPretrained<Name>(source, { ...options, task } as OptionsOf<Name>);
  return {
    traced: traced as PretrainedModel<Name> & ModelFacts & { dispose(): Promise<void> },
    resultsOf: runs[task](traced),
  };
}

/** Writes a figure of all pictures that can be read, and lists the others on stderr. @returns the exit code */
async function visualizeCommand(inputs: readonly string[], flags: VisualizeFlags): Promise<0 | 1> {
  const format = tokenFormatOf(flags.out);
  const reduction = reductionOf(flags);
  if (reduction === false)
    throw new PptError("INVALID_OPTION", "the unreduced model keeps every token: leave out --no-ppt");
  requireWritable(flags.out);
  const { files, failures } = await expandInputs(inputs);
  requireOutputs({ "--out": flags.out }, files);
  let failed = 0;
  const report = (error: PptError) => {
    complain(error);
    failed++;
  };
  for (const { error } of failures) report(error);

  const { model, backend, dtype } = flags;
  const { traced, resultsOf } = await withDownloads(model, flags, async (loading) =>
    open(firstTaskOf(await readCheckpoint(model, loading)), model, {
      ...{ ...loading, backend, dtype, reduction, trace: true },
    }),
  );
  const pictures: TokenPicture[] = [];
  try {
    await withProgress(files.length, async (progress) => {
      for await (const result of resultsOf(files, batchOptions(flags))) {
        if (isFailure(result)) progress.interrupt(() => report(result.error));
        else
          pictures.push(await tokenPicture(basename(String(result.input)), result, result.patches ?? traced.patches));
        progress.advance();
      }
    });
  } finally {
    await traced.dispose();
  }
  if (pictures.length === 0) {
    say("ppt-vit: none of the pictures could be read, nothing is written");
    return 1;
  }
  const { scores, panel: panelWidth, scale, out } = flags;
  const bytes = await renderTokens(pictures, format, { scores, panelWidth, scale, about: aboutOf(traced) });
  writeFileWhole(out, bytes);
  print(
    `wrote ${out}: ${pictures.length} ${pictures.length === 1 ? "picture" : "pictures"}, tokens ${traced.tokens.join(" -> ")}`,
  );
  return failed > 0 ? 1 : 0;
}

const aboutOf = ({ model, backend, tokens, gmacs, reduction }: ModelFacts): string =>
  `Model ${model} on ${backend}, tokens ${tokens.join(" → ")}, ${gmacs.unreduced.toFixed(2)} → ${gmacs.reduced.toFixed(2)} GMACs. Reduction: ${JSON.stringify(reduction)}`;

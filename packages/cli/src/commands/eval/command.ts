/** The options of `ppt-vit eval` and `ppt-vit eval merge`. */
import { PptError } from "@ppt-vit/core";
import type { Command } from "commander";
import { backendOption } from "../../flags/backend-option.js";
import { compareDtypeOption, refuseOtherReference } from "../../flags/compare-dtype-option.js";
import { dtypeOption } from "../../flags/dtype-option.js";
import { addModelOptions, modelOption } from "../../flags/model-options.js";
import { count } from "../../flags/numbers.js";
import { addBatchOptions } from "../../flags/picture-options.js";
import { reductionList } from "../../flags/reduction-list.js";
import { addReductionOptions, refuseContradiction } from "../../flags/reduction-options.js";
import { shard } from "../../flags/shard.js";
import { type EvalFlags, evalCommand, mergeCommand, type OutputFlags } from "./eval.js";

/** @throws PptError INVALID_OPTION for several settings where they cannot be compared */
function refuseSeveral({ ppt, reduction, labels, agreement, compareDtype }: EvalFlags): void {
  if (!ppt || reduction === undefined || reductionList(reduction).length < 2) return;
  if (compareDtype)
    throw new PptError(
      "INVALID_OPTION",
      "--compare-dtype compares precisions under one reduction, and --reduction names several: name one, or leave --compare-dtype out",
    );
  if (!labels && !agreement)
    throw new PptError(
      "INVALID_OPTION",
      "--reduction names several settings, and without labels these are compared with the unreduced model: leave --no-agreement out",
    );
}

/** @throws PptError INVALID_OPTION for pictures without labels if nothing can be measured on them, or with labels explained */
function refuseUselessLabels({ labels, ppt, agreement, compareDtype, classes }: EvalFlags): void {
  if (labels) return;
  if (!compareDtype && !(ppt && agreement))
    throw new PptError(
      "INVALID_OPTION",
      `--no-labels leaves nothing to measure without a reduction beside the unreduced model: leave ${ppt ? "--no-agreement" : "--no-ppt"} out, or name precisions, as in --compare-dtype q8`,
    );
  if (classes !== undefined)
    throw new PptError(
      "INVALID_OPTION",
      "--classes explains labels, which --no-labels leaves out: leave one of them out",
    );
}

const addOutputOptions = (command: Command): Command =>
  command
    .option("--report <file>", "write an HTML page")
    .option("--json", "print the result as one JSON document on stdout", false);

export function addEvalCommand(program: Command): void {
  // Options behind `eval merge` belong to `merge`, not to `eval`.
  program.enablePositionalOptions();
  const evaluation = program
    .command("eval")
    .enablePositionalOptions()
    .description("measure accuracy on labelled pictures, agreement with the unreduced model, and speed")
    .argument("<dataset>", "a folder with a folder of pictures for each class, or a labels file (.csv, .tsv, .json)")
    .option(...modelOption, "demo")
    .addOption(backendOption())
    .addOption(dtypeOption())
    .addOption(compareDtypeOption())
    .option(
      "--no-labels",
      "the pictures have no labels: compare with the unreduced model, and precisions by --compare-dtype",
    )
    .option("--classes <file>", "explains the dataset's identifiers, such as WordNet's: lines of ID NAME, or JSON")
    .option("--limit <n>", "take this many pictures, spread evenly over the dataset", count(1))
    .option("--shard <i/n>", "evaluate part I of N only; eval merge joins the parts", shard)
    .option("--no-agreement", "leave out the unreduced model, which takes more than half of the time");
  addBatchOptions(addReductionOptions(addModelOptions(evaluation), { several: true }), 8).option(
    "-o, --out <file>",
    "write the result as JSON; FILE.journal.jsonl lets an interrupted evaluation go on",
  );
  addOutputOptions(evaluation).action(async (dataset: string, flags: EvalFlags, command: Command) => {
    refuseContradiction(flags, command);
    refuseOtherReference(flags);
    refuseSeveral(flags);
    refuseUselessLabels(flags);
    process.exitCode = await evalCommand(dataset, flags);
  });

  addOutputOptions(
    evaluation
      .command("merge")
      .description("join the results of all shards, exactly as one run would give them")
      .argument("<files...>", "the files that the shards wrote with --out")
      .requiredOption("-o, --out <file>", "the file for the whole result"),
  ).action((files: string[], flags: OutputFlags) => {
    process.exitCode = mergeCommand(files, flags);
  });
}

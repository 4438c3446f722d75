/** `ppt-vit export` and its options. */

import type { DeviceKind } from "@ppt-vit/backend-onnx";
import { taskNames } from "@ppt-vit/pipeline";
import { type Command, InvalidArgumentError, Option } from "commander";
import { partsOf } from "../../flags/lists.js";
import { addModelOptions, modelOption } from "../../flags/model-options.js";
import { addReductionOptions, refuseContradiction } from "../../flags/reduction-options.js";
import { type ExportFlags, exportCommand } from "./export.js";
import { type Precision, precisionNames } from "./precisions.js";

/** Those of `exportOnnx({ for })`, listed here so that the package is only loaded where it is used. */
const deviceKindNames = ["cpu", "gpu", "any"] as const satisfies readonly DeviceKind[];

/** `fp32`, `fp32,fp16,q8` or `fp32, q8`. */
function dtypes(text: string): Precision[] {
  const names = partsOf(text);
  if (names.length === 0 || !names.every((name) => (precisionNames as readonly string[]).includes(name)))
    throw new InvalidArgumentError(`expected one or more of ${precisionNames.join(",")}.`);
  return names as Precision[];
}

export function addExportCommand(program: Command): void {
  const command = program
    .command("export")
    .description("write a model with its token reduction as ONNX files, for transformers.js and other engines")
    .requiredOption(...modelOption)
    .requiredOption("-o, --out <dir>", "the folder to write; it must be empty or not exist")
    .addOption(
      new Option("--dtype <list>", `precisions to write, of ${precisionNames.join(",")}`)
        .argParser(dtypes)
        .default(["fp32", "fp16"] satisfies Precision[], "fp32,fp16"),
    );
  addReductionOptions(addModelOptions(command))
    .addOption(
      new Option(
        "--task <name>",
        "compute the outputs of this task alone (default: of all tasks that the model can do; for Triton, of the first)",
      ).choices(taskNames),
    )
    .addOption(
      new Option(
        "--for <devices>",
        "the devices that the files are made for: their answers are the same on all, but not their speed (default: any for fp32, cpu for q8, gpu for the others)",
      ).choices(deviceKindNames),
    )
    .option("--with-source-map", "add the output source: which patches each remaining token contains", false)
    .option("--portable", "standard ONNX operators only, for engines other than ONNX Runtime", false)
    .addOption(
      new Option("--format <format>", "Hugging Face folder, or model repository for NVIDIA Triton")
        .choices(["onnx", "triton"])
        .default("onnx"),
    )
    .option("--force", "replace what an earlier export left in the folder", false)
    .action(async (flags: ExportFlags, command: Command) => {
      refuseContradiction(flags, command);
      await exportCommand(flags);
    });
}

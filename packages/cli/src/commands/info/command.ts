/** `ppt-vit info` and its options. */
import type { Command } from "commander";
import { type DtypeFlags, dtypeOption } from "../../flags/dtype-option.js";
import { addModelOptions, type ModelFlags, modelForms } from "../../flags/model-options.js";
import { infoCommand } from "./info.js";

export function addInfoCommand(program: Command): void {
  const command = program
    .command("info")
    .description("show what a model holds: geometry, cost, reduction, exported files")
    .argument(modelForms, "a checkpoint, an exported folder, or a model of the Hugging Face Hub");
  addModelOptions(command)
    .addOption(dtypeOption())
    .option("--json", "print one JSON document on stdout", false)
    .action(async (model: string, flags: ModelFlags & DtypeFlags & { json: boolean }) => infoCommand(model, flags));
}

/** `ppt-vit info` and its options. */
import type { Command } from "commander";
import { addModelOptions, type ModelFlags, modelForms } from "../../flags/model-options.js";
import { infoCommand } from "./info.js";

export function addInfoCommand(program: Command): void {
  const command = program
    .command("info")
    .description("show what a model holds: geometry, cost, reduction, exported files")
    .argument(modelForms, "a checkpoint, an exported folder, or a model of the Hugging Face Hub");
  addModelOptions(command)
    .option("--json", "print one JSON document on stdout", false)
    .action(async (model: string, flags: ModelFlags & { json: boolean }) => infoCommand(model, flags));
}

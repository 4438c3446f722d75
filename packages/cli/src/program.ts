/** The commands and their options. */
import { createRequire } from "node:module";
import { Command, InvalidArgumentError, Option } from "commander";
import { addBenchCommands } from "./commands/bench/command.js";
import { addCalibrateCommand } from "./commands/calibrate/command.js";
import { type ClassifyFlags, classifyCommand } from "./commands/classify/command.js";
import { demoCommand } from "./commands/demo/command.js";
import { type Device, devices, doctorCommand, probeCommand } from "./commands/doctor/doctor.js";
import { addEmbedCommand } from "./commands/embed/command.js";
import { addEvalCommands } from "./commands/eval/command.js";
import { type ExportDtype, type ExportFlags, exportCommand, exportDtypes } from "./commands/export/export.js";
import { infoCommand } from "./commands/info/info.js";
import { addVisualizeCommand } from "./commands/visualize/command.js";
import { refuseReplaced } from "./flags/arguments.js";
import { backendOption } from "./flags/backend-option.js";
import { addModelOptions, type ModelFlags, modelDescription, modelForms } from "./flags/model-options.js";
import { addPictureOptions } from "./flags/picture-options.js";
import { addReductionOptions, count, refuseContradiction } from "./flags/reduction-options.js";
import { complain, printOwn, say } from "./output/print.js";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

/** `fp32`, or `fp32,fp16`. */
function dtypes(text: string): ExportDtype[] {
  const names = text.split(",");
  if (!names.every((name) => (exportDtypes as readonly string[]).includes(name)))
    throw new InvalidArgumentError(`expected one or more of ${exportDtypes.join(",")}.`);
  return [...new Set(names)] as ExportDtype[];
}

const linesOf = (text: string): string[] => text.replace(/\n$/, "").split("\n");

/** Commander's complaint, which quotes what was typed; below it, it may suggest names of our own. */
function complainOfUsage(text: string): void {
  const [, message, suggestion] = /^(?:error: )?(.*?)(?:\n(\(Did you mean [^\n]*\?\)))?\n$/s.exec(text)!;
  complain({ message: message!, code: "INVALID_OPTION" });
  if (suggestion !== undefined) say(suggestion);
}

export function createProgram(): Command {
  const program = new Command("ppt-vit")
    .description("Faster Vision Transformers without retraining: token pruning and pooling (PPT, arXiv 2310.01812).")
    .version(version)
    .exitOverride()
    .hook("preAction", (_, command) => refuseReplaced(command))
    .showHelpAfterError("(ppt-vit --help lists the commands, ppt-vit COMMAND --help their options)")
    .configureOutput({ writeOut: printOwn, writeErr: (text) => say(...linesOf(text)), outputError: complainOfUsage });

  const classify = program
    .command("classify")
    .description("name what is in pictures (JPEG, PNG, WebP, GIF, AVIF)")
    .argument("<image|folder...>", "picture files, and folders that are searched for pictures")
    .option(`-m, --model ${modelForms}`, modelDescription, "demo")
    .addOption(backendOption());
  addPictureOptions(addReductionOptions(addModelOptions(classify)))
    .option("-k, --top <k>", "labels per picture", count(1), 5)
    .option("--text-embeddings <file>", "labels for CLIP: a safetensors file, see the README")
    .option("--verify", "compare the logits of a known input first: does this device compute rightly?", false)
    .option("--json", "print one JSON document on stdout", false)
    .action(async (inputs: string[], flags: ClassifyFlags, command: Command) => {
      refuseContradiction(flags, command);
      process.exitCode = await classifyCommand(inputs, flags);
    });

  addEmbedCommand(program);

  program
    .command("demo")
    .description("classify the bundled sample pictures with the demo model, unreduced and with PPT side by side")
    .addOption(backendOption())
    .action(async ({ backend }: { backend: string }) => demoCommand(backend));

  const exportOptions = program
    .command("export")
    .description("write a model with its token reduction as ONNX files, for transformers.js and other engines")
    .requiredOption(`-m, --model ${modelForms}`, modelDescription)
    .requiredOption("-o, --out <dir>", "the folder to write; must not exist, or be empty")
    .option("--dtype <list>", "precisions to write: fp32,fp16", dtypes, [...exportDtypes]);
  addReductionOptions(addModelOptions(exportOptions))
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

  const info = program
    .command("info")
    .description("show what a model holds: geometry, cost, reduction, exported files")
    .argument(modelForms, "a checkpoint, an exported folder, or a model of the Hugging Face Hub");
  addModelOptions(info)
    .option("--json", "print one JSON document on stdout", false)
    .action(async (model: string, flags: ModelFlags & { json: boolean }) => infoCommand(model, flags));

  program
    .command("doctor")
    .description("check this machine: runtimes, devices, whether they compute rightly, and what to use")
    .option("--json", "print one JSON document on stdout", false)
    .addOption(new Option("--probe <device>", "check one device in this process").choices(devices).hideHelp())
    .action(async ({ json, probe }: { json: boolean; probe?: Device }) =>
      probe ? probeCommand(probe) : doctorCommand({ json }),
    );

  addBenchCommands(program);

  addVisualizeCommand(program);
  addCalibrateCommand(program);
  addEvalCommands(program);

  return program;
}

/** The command line as a whole: every command, and how help and wrong calls are shown. */
import { createRequire } from "node:module";
import { Command } from "commander";
import { addBenchCommand } from "./commands/bench/command.js";
import { addCalibrateCommand } from "./commands/calibrate/command.js";
import { addCheckCommand } from "./commands/check/command.js";
import { addClassifyCommand } from "./commands/classify/command.js";
import { addDemoCommand } from "./commands/demo/command.js";
import { addDepthCommand } from "./commands/depth/command.js";
import { addDoctorCommand } from "./commands/doctor/command.js";
import { addEmbedCommand } from "./commands/embed/command.js";
import { addEvalCommand } from "./commands/eval/command.js";
import { addExportCommand } from "./commands/export/command.js";
import { addFinetuneCommand } from "./commands/finetune/command.js";
import { addInfoCommand } from "./commands/info/command.js";
import { addMergeCommand } from "./commands/merge/command.js";
import { addVisualizeCommand } from "./commands/visualize/command.js";
import { refuseReplaced } from "./flags/arguments.js";
import { loadBackendModule } from "./flags/backend-option.js";
import { tellDefaultModel } from "./flags/model-options.js";
import { complain, printOwn, say } from "./output/print.js";

/** In the order of `ppt-vit --help`. To add a command, import it and list it here. */
const commands: readonly ((program: Command) => void)[] = [
  addClassifyCommand,
  addEmbedCommand,
  addDepthCommand,
  addMergeCommand,
  addCheckCommand,
  addDemoCommand,
  addExportCommand,
  addInfoCommand,
  addDoctorCommand,
  addBenchCommand,
  addVisualizeCommand,
  addCalibrateCommand,
  addEvalCommand,
  addFinetuneCommand,
];

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

const linesOf = (text: string): string[] => text.replace(/\n$/, "").split("\n");

/** Prints Commander's error message, and its suggestion of a similar name, which Commander puts on a line of its own. */
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
    .hook("preAction", (_, command) => loadBackendModule(command))
    .hook("preAction", (_, command) => tellDefaultModel(command))
    .showHelpAfterError("(ppt-vit --help lists the commands, ppt-vit COMMAND --help their options)")
    .configureOutput({ writeOut: printOwn, writeErr: (text) => say(...linesOf(text)), outputError: complainOfUsage });
  for (const add of commands) add(program);
  return program;
}

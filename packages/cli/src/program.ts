/** The commands and their options. */
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { PptError } from "@ppt-vit/core";
import { backendNames } from "@ppt-vit/pipeline";
import { Command, InvalidArgumentError, Option } from "commander";
import { type BenchFlags, benchCommand } from "./bench/bench.js";
import { benchCellCommand } from "./bench/cell.js";
import { compareCommand, readDocument } from "./bench/compare.js";
import { type BenchPolicy, policies } from "./bench/model.js";
import { renderReport } from "./bench/report.js";
import { type ClassifyFlags, classifyCommand } from "./classify.js";
import { demoCommand } from "./demo.js";
import { type Device, devices, doctorCommand, probeCommand } from "./doctor.js";
import { addEvalCommands } from "./eval/commands.js";
import { type ExportDtype, type ExportFlags, exportCommand, exportDtypes } from "./export.js";
import { infoCommand } from "./info.js";
import { addModelOptions, type ModelFlags, modelDescription, modelForms } from "./model-options.js";
import { addReductionOptions, count, refuseContradiction } from "./reduction-flags.js";
import { addVisualizeCommand } from "./visualize.js";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

/** `fp32`, or `fp32,fp16`. */
function dtypes(text: string): ExportDtype[] {
  const names = text.split(",");
  if (!names.every((name) => (exportDtypes as readonly string[]).includes(name)))
    throw new InvalidArgumentError(`expected one or more of ${exportDtypes.join(",")}.`);
  return [...new Set(names)] as ExportDtype[];
}

const names = (text: string) => text.split(",").filter((name) => name !== "");

function benchPolicies(text: string): BenchPolicy[] {
  const wanted = names(text);
  if (wanted.length === 0 || !wanted.every((name) => (policies as readonly string[]).includes(name)))
    throw new InvalidArgumentError(`expected one or more of ${policies.join(",")}.`);
  return wanted as BenchPolicy[];
}

const batches = (text: string): number[] => names(text).map((batch) => count(1)(batch));

export function createProgram(): Command {
  const program = new Command("ppt-vit")
    .description("Faster Vision Transformers without retraining: token pruning and pooling (PPT, arXiv 2310.01812).")
    .version(version)
    .exitOverride()
    .showHelpAfterError("(ppt-vit --help lists the commands, ppt-vit COMMAND --help their options)");

  const classify = program
    .command("classify")
    .description("name what is in pictures (JPEG, PNG, WebP, GIF, AVIF)")
    .argument("<image|folder...>", "picture files, and folders that are searched for pictures")
    .option(`-m, --model ${modelForms}`, modelDescription, "demo")
    .option("-b, --backend <name>", `where to compute: auto, ${backendNames.join(", ")}`, "cpu");
  addReductionOptions(addModelOptions(classify))
    .option("-k, --top <k>", "labels per picture", count(1), 5)
    .option("--batch <b>", "pictures per run of the model", count(1), 1)
    .option("--first-frame", "take the first frame of animations instead of refusing them", false)
    .option("--max-pixels <n>", "largest picture that is decoded", count(1))
    .option("--verify", "compare the logits of a known input first: does this device compute rightly?", false)
    .option("--json", "print one JSON document on stdout", false)
    .action(async (inputs: string[], flags: ClassifyFlags, command: Command) => {
      refuseContradiction(flags, command);
      process.exitCode = await classifyCommand(inputs, flags);
    });

  program
    .command("demo")
    .description("classify the bundled sample pictures with the demo model, unreduced and with PPT side by side")
    .option("-b, --backend <name>", `where to compute: auto, ${backendNames.join(", ")}`, "cpu")
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

  program
    .command("bench")
    .description("measure backends, models and policies against each other on this machine")
    .option("-b, --backends <list>", `of ${backendNames.join(",")}; onnx ones also as NAME:fp16`, names)
    .option("-m, --models <list>", "deit-ti, deit-s, deit-b (random weights), demo, or ./folders", names, [
      "demo",
      "deit-s",
    ])
    .option("--policies <list>", `of ${policies.join(",")}`, benchPolicies, ["unreduced", "ppt"])
    .option("--batches <list>", "images per run", batches, [1, 8])
    .option("--seconds <n>", "time for each pair of model and batch", count(1), 90)
    .option("--quick", "the demo model and DeiT-S, one image, within two minutes", false)
    .option("-o, --out <file>", "write the results as JSON")
    .option("--report <file>", "write an HTML page with plots")
    .option("--from <files...>", "make the report from recorded results instead of measuring")
    .option("--compare <files...>", "two recorded results: what changed beyond noise")
    .option("--json", "print one JSON document on stdout", false)
    .action(async (flags: BenchFlags & { from?: string[]; compare?: string[] }) => {
      if (flags.compare) {
        if (flags.compare.length !== 2)
          throw new PptError("INVALID_OPTION", "--compare takes two files: A.json B.json");
        compareCommand(flags.compare as [string, string]);
      } else if (flags.from) {
        if (!flags.report) throw new PptError("INVALID_OPTION", "--from needs --report FILE.html");
        writeFileSync(flags.report, renderReport(flags.from.map(readDocument)));
      } else process.exitCode = await benchCommand(flags);
    });
  program.command("bench-cell", { hidden: true }).action(benchCellCommand);

  addVisualizeCommand(program, modelDescription);
  addEvalCommands(program, modelDescription);

  return program;
}

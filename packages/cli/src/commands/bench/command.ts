/** `ppt-vit bench` and its options. */
import { PptError } from "@ppt-vit/core";
import { type Command, InvalidArgumentError } from "commander";
import { count } from "../../flags/numbers.js";
import { type BenchFlags, benchCommand, type ReportFlags, reportCommand } from "./bench.js";
import { benchCellCommand } from "./cell.js";
import { compareCommand } from "./compare.js";
import { contenderNames } from "./contenders.js";
import { type BenchPolicy, policies } from "./model.js";
import { tableMarkers } from "./table.js";

function names(text: string): string[] {
  const list = text.split(",").filter((name) => name !== "");
  if (list.length === 0) throw new InvalidArgumentError("expected one or more, with commas between them.");
  return list;
}

function benchPolicies(text: string): BenchPolicy[] {
  const wanted = names(text);
  if (!wanted.every((name) => (policies as readonly string[]).includes(name)))
    throw new InvalidArgumentError(`expected one or more of ${policies.join(",")}.`);
  return wanted as BenchPolicy[];
}

const batches = (text: string): number[] => names(text).map((batch) => count(1)(batch));

export function addBenchCommand(program: Command): void {
  program
    .command("bench")
    .description("measure backends, models and policies against each other on this machine")
    .option("-b, --backends <list>", `of ${contenderNames.join(",")}; onnx ones also as NAME:fp16`, names)
    .option(
      "-m, --models <list>",
      "deit-ti, deit-s, deit-b (random weights), demo, ./folders or org/name (deit-s,demo)",
      names,
    )
    .option("--policies <list>", `of ${policies.join(",")} (unreduced,ppt)`, benchPolicies)
    .option("--batches <list>", "images per run (1,8)", batches)
    .option("--seconds <n>", "time for each pair of model and batch, opening included (120)", count(1))
    .option("--quick", "one image at a time, all within two minutes; other options still hold", false)
    .option("-o, --out <file|folder>", "add the results as JSON, in a folder under the date")
    .option("--report <file>", "write an HTML page with plots")
    .option("--from <files|folders...>", "measure nothing: make --report and --table from recorded results")
    .option("--table <file>", `with --from: rewrite a Markdown file's table between ${tableMarkers.join(" and ")}`)
    .option("--compare <files...>", "two recorded results: what changed beyond noise")
    .option("--json", "print one JSON document on stdout", false)
    .action(async (flags: BenchFlags & Partial<ReportFlags> & { compare?: string[] }) => {
      if (flags.compare) {
        if (flags.compare.length !== 2)
          throw new PptError("INVALID_OPTION", "--compare takes two files: A.json B.json");
        compareCommand(flags.compare as [string, string]);
      } else if (flags.from) reportCommand({ ...flags, from: flags.from });
      else if (flags.table !== undefined)
        throw new PptError("INVALID_OPTION", "--table needs --from: the results to write it from");
      else process.exitCode = await benchCommand(flags);
    });
  // One measured process.
  program.command("bench-cell", { hidden: true }).action(benchCellCommand);
}

/** `ppt-vit bench` and its options. */
import { PptError, quantizedDtypeNames } from "@ppt-vit/core";
import { type Command, InvalidArgumentError } from "commander";
import { partsOf } from "../../flags/lists.js";
import { count } from "../../flags/numbers.js";
import { reductionList } from "../../flags/reduction-list.js";
import { benchCellCommand } from "./cell.js";
import { compareCommand } from "./compare.js";
import { contenderNames } from "./contenders/index.js";
import { type FromFlags, fromCommand } from "./from.js";
import { geometryNames } from "./geometries.js";
import { tableMarkers } from "./markdown-table.js";
import { type BenchFlags, benchCommand, benchmarkCommand } from "./measure.js";
import { isReductionName, type ReductionName, reductionNames } from "./reductions.js";

function names(text: string): string[] {
  const list = partsOf(text);
  if (list.length === 0) throw new InvalidArgumentError("expected one or more, with commas between them.");
  return list;
}

function reductions(text: string): ReductionName[] {
  const wanted = names(text);
  if (wanted.every(isReductionName)) return wanted;
  throw new InvalidArgumentError(
    `expected one or more of ${reductionNames.join(",")}; settings in files: --reduction.`,
  );
}

/** Collects the `KEY=VALUE` of every `--set`. */
function setting(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined) throw new InvalidArgumentError("expected KEY=VALUE.");
  return { ...before, [key]: value };
}

type Flags = BenchFlags & Partial<FromFlags> & { compare?: string[]; benchmark?: string; set: Record<string, string> };

const batches = (text: string): number[] => names(text).map((batch) => count(1)(batch));

export function addBenchCommand(program: Command): void {
  program
    .command("bench")
    .description("measure backends, models and policies against each other on this machine")
    .option(
      "-b, --backends <list>",
      `of ${contenderNames.join(",")}; backends also as ${quantizedDtypeNames.map((dtype) => `NAME:${dtype}`).join(", ")}, onnx ones as NAME:fp16; paths of modules that export a backend`,
      names,
    )
    .option(
      "-m, --models <list>",
      `of ${geometryNames.join(",")} (random weights), demo, ./folders, org/names (deit-s,demo)`,
      names,
    )
    .option("--policies <list>", `of ${reductionNames.join(",")} (unreduced,ppt)`, reductions)
    .option("--reduction <list>", "settings, side by side: names and files, as other commands take them", reductionList)
    .option("--batches <list>", "images per run (1,8)", batches)
    .option("--seconds <n>", "time for each pair of model and batch, opening included (120)", count(1))
    .option("--quick", "one image at a time, all within two minutes; other options still hold", false)
    .option("--contenders <files...>", "modules that export contenders, to be named in --backends")
    .option("--reference <backend>", "one of --backends: show ratios of every other backend to it as well")
    .option("--benchmark <file>", "a module that measures something else; takes --set, --out, --json")
    .option("--set <key=value>", "with --benchmark: one of its settings; may be repeated", setting, {})
    .option("-o, --out <file|folder>", "add the result as a line of FILE.ndjson, in a folder of BENCHMARK.ndjson")
    .option("--report <file>", "write an HTML page with plots")
    .option("--from <files|folders...>", "measure nothing: make --report and --table from recorded results")
    .option("--table <file>", `with --from: rewrite a Markdown file's tables between ${tableMarkers.join(" and ")}`)
    .option("--compare <files...>", "two recorded results, FILE or FILE.ndjson#LINE: what changed beyond noise")
    .option("--json", "print one JSON document on stdout", false)
    .action(async (flags: Flags) => {
      if (flags.compare) {
        if (flags.compare.length !== 2)
          throw new PptError(
            "INVALID_OPTION",
            "--compare takes two files: A.json B.json, or FILE.ndjson#1 FILE.ndjson#2",
          );
        compareCommand(flags.compare as [string, string]);
      } else if (flags.from) fromCommand({ ...flags, from: flags.from });
      else if (flags.table !== undefined)
        throw new PptError("INVALID_OPTION", "--table needs --from: the results to write it from");
      else if (flags.benchmark !== undefined) await benchmarkCommand({ ...flags, benchmark: flags.benchmark });
      else process.exitCode = await benchCommand(flags);
    });
  // `bench` starts this for each cell that it measures.
  program.command("bench-cell", { hidden: true }).action(benchCellCommand);
}

/** The options of a job, for all commands that can work as one. */
import { PptError } from "@ppt-vit/core";
import { type Command, Option } from "commander";
import { count, positive } from "../flags/numbers.js";
import { type Shard, shard } from "../flags/shard.js";
import { type VectorType, vectorTypes } from "./columns.js";
import { formats } from "./formats/index.js";
import { inputKinds } from "./inputs/index.js";

export interface JobFlags {
  readonly out?: string;
  readonly format: string;
  readonly vectors: VectorType;
  readonly partSize: number;
  readonly shard?: Shard;
  readonly claim: boolean;
  readonly lease: number;
  readonly stall: number;
  readonly limit?: number;
  readonly null: boolean;
}

/** The argument of commands that take all kinds of inputs. */
export const inputsArgument = [
  "<image|folder...>",
  `what to read: ${inputKinds.map(({ description }) => description).join("; ")}`,
] as const;

const list = formats.map(({ name, description }) => `${name} (${description})`).join(", ");

/** The options of commands whose rows are all that they write. */
export function addJobOptions(command: Command): Command {
  command
    .option(
      "-o, --out <folder>",
      "write rows into files of this folder, in parts; an interrupted job goes on where it was",
    )
    .addOption(
      new Option("--format <name>", `of these files: ${list}`)
        .choices(formats.map(({ name }) => name))
        .default(formats[0]!.name),
    )
    .addOption(new Option("--vectors <type>", "how vectors are stored").choices(vectorTypes).default(vectorTypes[0]));
  return addSharingOptions(command);
}

/** The options that divide a job among workers. */
export function addSharingOptions(command: Command): Command {
  return command
    .option("--part-size <n>", "pictures in a part, which is written at once", count(1, 1_000_000), 1000)
    .option("--shard <i/n>", "do only every N-th part, from the I-th", shard)
    .option("--claim", "share the parts with other workers that have the same --out", false)
    .option(
      "--lease <seconds>",
      "how long a worker elsewhere may be silent before its part is taken over",
      positive,
      90,
    )
    .option(
      "--stall <seconds>",
      "how long no picture may get done before a worker counts as hung, and ends itself",
      positive,
      1800,
    )
    .option("--limit <n>", "take only the first pictures", count(1))
    .option("--null", "names in lists end with NUL, as find -print0 writes them", false);
}

/** Options that are of no use where nothing is written in parts, as Commander names them. */
const sharing = ["partSize", "shard", "claim", "lease", "stall", "limit", "null"] as const;

/** @throws PptError INVALID_OPTION for options that do nothing, or contradict each other */
export function refuseUselessJobFlags(flags: JobFlags, command: Command): void {
  const more = ["format", "vectors"] as const;
  refuseUselessSharing(
    flags,
    command,
    flags.out !== undefined,
    "for results in files: name their folder with --out",
    more,
  );
}

/**
 * @param isJob whether the command works as a job
 * @param when says what it takes to be one
 * @throws PptError INVALID_OPTION
 */
export function refuseUselessSharing(
  { claim, shard }: Pick<JobFlags, "claim" | "shard">,
  command: Command,
  isJob: boolean,
  when: string,
  more: readonly string[] = [],
): void {
  const given = [...more, ...sharing].filter((name) => command.getOptionValueSource(name) === "cli");
  if (!isJob && given.length > 0) throw new PptError("INVALID_OPTION", `${given.join(", ")}: only ${when}`);
  if (isJob && command.getOptionValueSource("json") === "cli")
    throw new PptError("INVALID_OPTION", "--json prints what a job writes to files: leave it out, and read these");
  if (claim && shard)
    throw new PptError("INVALID_OPTION", "--claim shares all parts, and --shard does some: leave one of them out");
}

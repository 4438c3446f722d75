/** `ppt-vit check`: whether a job is complete and its files are as they were written. */
import { counted } from "@ppt-vit/core/options";
import { type Command, Option } from "commander";
import { formatOf, type Job, type JobFolder, jobFolder, partsOf } from "../../jobs/folder.js";
import { type JobState, ranges, requireJob, stateOf } from "../../jobs/state.js";
import { print, printJson, say } from "../../output/print.js";

const redoable = ["damaged", "failed"] as const;

interface Flags {
  readonly redo?: (typeof redoable)[number];
  readonly json: boolean;
}

export function addCheckCommand(program: Command): void {
  program
    .command("check")
    .description("tell which parts of embed, classify or depth are done, missing or damaged")
    .argument("<folder>", "the folder that the command had as --out")
    .addOption(
      new Option(
        "--redo <which>",
        "let the next run compute parts again: damaged ones, or those that are damaged or have pictures with errors (failed)",
      ).choices(redoable),
    )
    .option("--json", "print the result as one JSON document on stdout", false)
    .action((path: string, flags: Flags) => {
      process.exitCode = checkCommand(path, flags);
    });
}

/** @returns the exit code: 1 if the job is not complete */
function checkCommand(path: string, { redo, json }: Flags): 0 | 1 {
  const folder = jobFolder(path);
  const job = requireJob(folder);
  const state = stateOf(folder, job, true);
  const again = redo === undefined ? [] : partsToRedo(state, redo);
  for (const part of again) folder.forget(part);
  if (json) printJson(report(folder, job, state, again));
  else print(...lines(path, job, state, folder.claimed()));
  if (again.length > 0) say(`parts ${ranges(again)} will be computed again: run the command that wrote them`);
  return state.missing.length + state.damaged.length + again.length > 0 ? 1 : 0;
}

const partsToRedo = ({ damaged, done }: JobState, redo: (typeof redoable)[number]): number[] =>
  [
    ...damaged.map(({ part }) => part),
    ...(redo === "failed" ? done.filter(({ failed }) => failed > 0).map(({ part }) => part) : []),
  ].sort((a, b) => a - b);

const failedIn = ({ done }: JobState): number => done.reduce((sum, { failed }) => sum + failed, 0);

function lines(path: string, job: Job, state: JobState, claimed: readonly number[]): string[] {
  const { done, missing, damaged, strange } = state;
  const rows = done.reduce((sum, record) => sum + record.rows, 0);
  const facts = `${done.length} of ${counted(partsOf(job), "part")} done, ${rows} of ${counted(job.pictures.count, "row")}, ${failedIn(state)} with errors`;
  const texts = [`${path}: ${job.command} to ${formatOf(job).name}: ${facts}`];
  if (missing.length > 0)
    texts.push(`not done: parts ${ranges(missing)}: run ppt-vit ${job.command} again with the same options`);
  if (claimed.length > 0) texts.push(`claimed by workers: parts ${ranges(claimed)}`);
  for (const { part, problem } of damaged) texts.push(`damaged: part ${part}: ${problem}`);
  if (damaged.length > 0) texts.push("ppt-vit check --redo damaged lets the next run compute them again");
  if (strange.length > 0) texts.push(`files of no part: ${strange.join(", ")}`);
  return texts;
}

/** The document that --json prints. Documented in apps/docs/cli. */
function report(folder: JobFolder, job: Job, state: JobState, again: readonly number[]) {
  const { done, missing, damaged, strange } = state;
  return {
    ...{ command: job.command, format: job.format, pictures: job.pictures.count, parts: partsOf(job) },
    ...{ done: done.length, failed: failedIn(state), missing, damaged, claimed: folder.claimed(), strange, again },
    complete: missing.length + damaged.length + again.length === 0,
  };
}

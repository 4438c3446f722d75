/** `ppt-vit merge`: joins the parts of a job into one file, in the order of the pictures. */
import { createHash, randomBytes } from "node:crypto";
import { basename, dirname, extname, join } from "node:path";
import { PptError } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import type { Command } from "commander";
import { requireOutputs } from "../../files/outputs.js";
import { writeFilesWhole } from "../../files/whole-files.js";
import { formatOf, jobFolder } from "../../jobs/folder.js";
import { requireJob, requireWhole } from "../../jobs/state.js";
import { print, printJson } from "../../output/print.js";

interface Flags {
  readonly out: string;
  readonly json: boolean;
}

export function addMergeCommand(program: Command): void {
  program
    .command("merge")
    .description("join the parts that embed, classify or depth wrote into one file, in the order of the pictures")
    .argument("<folder>", "the folder that the command had as --out")
    .requiredOption("-o, --out <file>", "the file, with the ending of the parts")
    .option("--json", "print what was written as one JSON document on stdout", false)
    .action(mergeCommand);
}

async function mergeCommand(path: string, { out, json }: Flags): Promise<void> {
  const folder = jobFolder(path);
  const job = requireJob(folder);
  const format = formatOf(job);
  const [ending] = format.endings;
  if (extname(out).toLowerCase() !== ending)
    throw new PptError("INVALID_OPTION", `--out ${out}: expected a name that ends with ${ending}, as the parts do`);
  const stem = out.slice(0, -ending!.length);
  const paths = format.endings.map((one) => `${stem}${one}`);
  const records = requireWhole(folder, job);
  const parts = records.map(({ files, rows }) => ({ rows, files: files.map(({ name }) => join(path, name)) }));
  requireOutputs(
    { "--out": out },
    parts.flatMap(({ files }) => files),
    paths.slice(1),
  );
  const hashes = paths.map(() => createHash("sha256"));
  const token = randomBytes(4).toString("hex");
  const names = paths.map((path) => ({ path, draft: join(dirname(path), `.${basename(path)}.${token}.part`) }));
  await writeFilesWhole(names, (sinks) =>
    format.join(
      { columns: job.columns, vectors: job.vectors, rows: job.pictures.count },
      parts,
      sinks.map((sink, i) => (bytes) => {
        hashes[i]!.update(bytes);
        sink(bytes);
      }),
    ),
  );
  const failed = records.reduce((sum, record) => sum + record.failed, 0);
  const files = paths.map((name, i) => ({ name, sha256: hashes[i]!.digest("hex") }));
  if (json) printJson({ rows: job.pictures.count, failed, parts: parts.length, files });
  else
    print(
      `${paths.join(", ")}: ${counted(job.pictures.count, "row")} of ${counted(parts.length, "part")}, ${failed} with errors`,
    );
}

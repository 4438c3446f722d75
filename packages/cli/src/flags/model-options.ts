/** Options for models of the Hub, for all commands that load a model. */
import { PptError } from "@ppt-vit/core";
import { type LoadOptions, sourceKind } from "@ppt-vit/pipeline";
import type { Command } from "commander";
import { downloadProgress } from "../output/downloads.js";
import { say } from "../output/print.js";

export interface ModelFlags {
  readonly revision?: string;
  readonly cacheDir?: string;
  readonly offline?: boolean;
}

export const modelForms = "<dir|org/name|demo>";

/** Flags and description of `--model`. */
export const modelOption = [
  `-m, --model ${modelForms}`,
  "a folder with config.json, preprocessor_config.json and model.safetensors, or a model of the Hugging Face Hub",
] as const;

/** Says that a command takes the demo model because none was given. */
export function tellDefaultModel(command: Command): void {
  if (command.getOptionValueSource("model") !== "default") return;
  say(
    "no --model given: taking the demo model, which knows 48 emoji and no photographs; for photographs give a real one, such as --model facebook/deit-small-patch16-224",
  );
}

export function addModelOptions(command: Command): Command {
  return command
    .option("--revision <name>", "branch, tag or commit of a model of the Hub (default: main)")
    .option("--cache-dir <dir>", "the cache for models of the Hub (default: HF_HUB_CACHE, as in Hugging Face's tools)")
    .option("--offline", "load models of the Hub from the cache only, without the network");
}

/**
 * Calls `load` with the options for loading `source`, and shows downloads on stderr until it is done.
 * @throws PptError INVALID_OPTION if `source` has no valid form, or is a folder although a revision is given; what `load` throws
 */
export async function withDownloads<R>(
  source: string,
  { revision, cacheDir, offline }: ModelFlags,
  load: (options: LoadOptions) => Promise<R>,
): Promise<R> {
  if (sourceKind(source) !== "hub" && revision !== undefined)
    throw new PptError("INVALID_OPTION", `--revision is for models of the Hub, '${source}' is a folder: leave it out`);
  const progress = downloadProgress();
  try {
    return await load({ revision, cacheDir, localFilesOnly: offline, progress_callback: progress.report });
  } finally {
    progress.stop();
  }
}

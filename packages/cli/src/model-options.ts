/** The options that say which model of the Hub is taken and from where, shared by the commands that load one. */
import { PptError } from "@ppt-vit/core";
import { type LoadOptions, type ProgressInfo, sourceKind } from "@ppt-vit/pipeline";
import { Presets, SingleBar } from "cli-progress";
import type { Command } from "commander";
import { showBytes } from "./model-folder.js";

export interface ModelFlags {
  readonly revision?: string;
  readonly cacheDir?: string;
  readonly offline?: boolean;
}

export const modelForms = "<dir|org/name|demo>";
export const modelDescription =
  "a folder with config.json, preprocessor_config.json and model.safetensors, or a model of the Hugging Face Hub";

export function addModelOptions(command: Command): Command {
  return command
    .option("--revision <name>", "branch, tag or commit of a model of the Hub (default: main)")
    .option("--cache-dir <dir>", "where models of the Hub are kept (default: HF_HUB_CACHE, as Hugging Face's tools)")
    .option("--offline", "take models of the Hub out of the cache, and ask nobody");
}

/**
 * What loading `source` needs to know, with downloads shown on stderr.
 * @throws PptError INVALID_OPTION where the model has no such form, or is a folder and a revision is given
 */
export function loadOptions(source: string, { revision, cacheDir, offline }: ModelFlags): LoadOptions {
  if (sourceKind(source) !== "hub" && revision !== undefined)
    throw new PptError("INVALID_OPTION", `--revision is for models of the Hub, '${source}' is a folder: leave it out`);
  return { revision, cacheDir, localFilesOnly: offline, progress_callback: downloadProgress() };
}

/** Files that arrive before anybody has read a line about them. */
const smallBytes = 1e6;

/** Downloads on stderr: a bar where somebody watches, else a line a file. What is on the disk is not mentioned. */
function downloadProgress(): (info: ProgressInfo) => void {
  const shown = new Set<string>();
  let bar: SingleBar | undefined;
  return (info) => {
    if (info.status === "done") {
      bar?.stop();
      bar = undefined;
    }
    if (info.status === "notice") process.stderr.write(`${info.message}\n`);
    if (info.status !== "progress") return;
    const { name, file, loaded, total } = info;
    if (shown.has(file)) return bar?.update(loaded);
    // Files on the disk come whole.
    if (loaded >= total || total < smallBytes || sourceKind(name) !== "hub") return;
    shown.add(file);
    if (!process.stderr.isTTY) return void process.stderr.write(`downloading ${name}/${file}, ${showBytes(total)}\n`);
    const formatValue = (value: number, _: unknown, type: string) =>
      type === "value" || type === "total" ? showBytes(value) : String(value);
    const format = `${file} {bar} {value} of {total}, {eta_formatted} left`;
    bar = new SingleBar(
      { format, formatValue, stream: process.stderr, hideCursor: false, clearOnComplete: true },
      Presets.shades_classic,
    );
    bar.start(total, loaded);
  };
}

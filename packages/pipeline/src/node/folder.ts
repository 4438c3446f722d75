/** Checkpoints in Node: the demo, folders, and models of the Hub. */
import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isPptError, PptError } from "@ppt-vit/core";
import { NotInstalled, notInstalledOr } from "@ppt-vit/core/backend";
import { check, checkArgument } from "@ppt-vit/core/options";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { explaining } from "../checkpoint/explaining.js";
import type { CheckpointFiles } from "../checkpoint/files.js";
import { withFound } from "../checkpoint/found-files.js";
import { type LoadOptions, loadOptions } from "../checkpoint/options.js";
import { type CheckpointNeeds, parseCheckpoint } from "../checkpoint/parse.js";
import { looksLikeModelId } from "../hub/reference.js";
import { quoted } from "../text/quoted.js";
import { hubFiles } from "./hub/files.js";
import { type CheckpointSource, requireSource } from "./inputs.js";
import { lookInFolder } from "./look-in-folder.js";
import { openInParts, readWhole } from "./read-file.js";

/** Kinds of sources that are named by a text. */
export type SourceKind = "demo" | "folder" | "hub";

/**
 * Tells names and paths apart by their form alone, without looking at the disk: `./name`, `../name` and absolute paths are
 * folders, `org/name` is a model of the Hub.
 * @throws PptError INVALID_OPTION for any other text
 */
export function sourceKind(source: string): SourceKind {
  checkArgument(
    "sourceKind",
    "source",
    source,
    check("'demo', a path or an id of the Hub", (value) => typeof value === "string"),
  );
  if (source === "demo") return "demo";
  if (/^\.{1,2}([/\\]|$)/.test(source) || isAbsolute(source)) return "folder";
  if (looksLikeModelId(source)) return "hub";
  if (/^https?:/i.test(source))
    throw new PptError("INVALID_OPTION", `model ${quoted(source)}: write a model of the Hub as its id alone, org/name`);
  throw new PptError(
    "INVALID_OPTION",
    `model ${quoted(source)} is neither 'demo', nor a path, nor an id of the Hub (org/name): write ./${quoted(source).slice(1, -1)} for a folder`,
  );
}

/**
 * Reads a checkpoint's files. Files of the Hub that are not in the cache are downloaded.
 * @throws PptError NOT_FOUND, INVALID_CONFIG, INVALID_REDUCTION, INVALID_SAFETENSORS, INVALID_OPTION; for models of the
 * Hub also ACCESS_DENIED, DOWNLOAD_FAILED, WRITE_FAILED
 */
export async function readCheckpoint(
  source: CheckpointSource,
  given: LoadOptions = {},
  needs?: CheckpointNeeds,
): Promise<Checkpoint> {
  const options = loadOptions("readCheckpoint", given);
  requireSource("readCheckpoint", source);
  if (typeof source !== "string") return parseCheckpoint(source, options, needs);
  return hinting(source, async () => parseCheckpoint(await filesOf(source, options), options, needs));
}

/** Gives what `read` gives. Its errors mention a folder of the same name, which the caller may have meant. */
async function hinting<R>(source: string, read: () => Promise<R>): Promise<R> {
  try {
    return await read();
  } catch (error) {
    if (!isPptError(error) || sourceKind(source) !== "hub" || !existsSync(source)) throw error;
    const hint = `a folder ${quoted(source)} exists here: write ./${source} for it`;
    throw new PptError(error.code, `${error.message} (${hint})`, { cause: error });
  }
}

async function filesOf(source: string, options: LoadOptions): Promise<CheckpointFiles> {
  const kind = sourceKind(source);
  if (kind === "hub") return explaining(hubFiles(source, options));
  const folder = kind === "demo" ? await demoFolder() : source;
  return explaining({
    name: source,
    read: (file, options) => readWhole(join(folder, file), file, options),
    open: (file, options) => openInParts(join(folder, file), options),
    look: () => lookInFolder(folder),
  });
}

/**
 * The folder of a checkpoint on this machine, for its files other than weights. For a model of the Hub it is the commit's
 * folder in the cache, to which all but the weights is downloaded.
 * @throws PptError as `readCheckpoint`
 */
export async function checkpointFolder(source: string, given: LoadOptions = {}): Promise<string> {
  const options = loadOptions("checkpointFolder", given);
  const kind = sourceKind(source);
  if (kind !== "hub") return kind === "demo" ? demoFolder() : source;
  return hinting(source, () => hubFolder(source, options));
}

async function hubFolder(source: string, options: LoadOptions): Promise<string> {
  const files = hubFiles(source, options);
  const fetching = (file: string, optional: boolean) => files.fetchFile(file, { optional, signal: options.signal });
  const config = await fetching("config.json", false).catch(async (error: unknown) => {
    throw error instanceof PptError ? await withFound(files, "config.json", error, options.signal) : error;
  });
  await Promise.all([
    // All optional: timm's checkpoints have no preprocessor_config.json.
    fetching("preprocessor_config.json", true),
    fetching("processor_config.json", true),
    fetching("reduction.json", true),
    fetching("verification.json", true),
  ]);
  return config!.snapshot;
}

async function demoFolder(): Promise<string> {
  // Bundlers accept a missing package only in a `try` block.
  try {
    const { demoModelUrl } = await import("@ppt-vit/demo-model");
    return fileURLToPath(demoModelUrl);
  } catch (error) {
    const cause = notInstalledOr(error, "@ppt-vit/demo-model");
    if (!(cause instanceof NotInstalled)) throw error;
    throw new PptError("NOT_FOUND", "the demo model is not installed: npm install @ppt-vit/demo-model", { cause });
  }
}

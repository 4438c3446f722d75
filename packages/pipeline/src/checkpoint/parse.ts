/** Reads and checks the files of a checkpoint in the Hugging Face layout, wherever they come from. */
import {
  headsFit,
  isPptError,
  joinShards,
  PptError,
  type PptErrorCode,
  parseConfigJson,
  parseModelConfig,
  parseProcessorFiles,
  parseReduction,
  parseSafetensors,
  parseSafetensorsIndex,
  parseVerificationRecords,
  reasonOf,
  type SafetensorsFile,
  type VisionModelConfig,
  type WeightSource,
} from "@ppt-vit/core";
import { indexFile, singleFile } from "../hub/conversion.js";
import type { Checkpoint } from "./checkpoint.js";
import type { CheckpointFiles } from "./files.js";
import { missingWeights } from "./missing-weights.js";
import type { LoadOptions } from "./options.js";
import { atPictureSize } from "./resolution.js";
import { parseTextEmbeddings, textEmbeddingsFile } from "./text-embeddings.js";

/** The files that say how pictures are prepared, where `config.json` does not. */
const processorFiles = { processor: "processor_config.json", preprocessor: "preprocessor_config.json" } as const;

/**
 * Reads `config.json`, `processor_config.json` or `preprocessor_config.json` (timm has their content in `config.json`),
 * `model.safetensors` (or `model.safetensors.index.json` and the files that it names) and, where present, `reduction.json`
 * and `verification.json`. The weights come last: nobody waits for them where the configuration is wrong.
 * @throws PptError NOT_FOUND, INVALID_CONFIG, INVALID_REDUCTION, INVALID_SAFETENSORS, INVALID_WEIGHTS
 */
export async function parseCheckpoint(
  files: CheckpointFiles,
  options: LoadOptions = {},
  { heads = true }: CheckpointNeeds = {},
): Promise<Checkpoint> {
  const folder = files.name.replace(/[/\\]+$/, "");
  const parsing = <R>(file: string, code: PptErrorCode, parse: (json: unknown) => R) =>
    readRequired(files, file, options).then((bytes) => parseJson(`${folder}/${file}`, bytes, code, parse));
  const parsingOptional = <R>(file: string, code: PptErrorCode, parse: (json: unknown) => R) =>
    readReporting(files, file, true, options).then((bytes) =>
      bytes ? parseJson(`${folder}/${file}`, bytes, code, parse) : undefined,
    );
  const asItIs = (json: unknown) => json;

  const [{ json, declared }, processor, preprocessor, reduction, verification] = await Promise.all([
    parsing("config.json", "INVALID_CONFIG", (json) => ({
      json,
      declared: parseModelConfig(json, undefined, { heads }),
    })),
    parsingOptional(processorFiles.processor, "INVALID_CONFIG", asItIs),
    parsingOptional(processorFiles.preprocessor, "INVALID_CONFIG", asItIs),
    parsingOptional("reduction.json", "INVALID_REDUCTION", parseReduction),
    parsingOptional("verification.json", "INVALID_CONFIG", parseVerificationRecords),
  ]);
  const preprocessing =
    naming(
      `${folder}/${processor === undefined ? processorFiles.preprocessor : processorFiles.processor}`,
      "INVALID_CONFIG",
      () => parseProcessorFiles({ config: json, processor, preprocessor }),
    ) ??
    // Read again as required, to get the store's own error.
    (await parsing(processorFiles.preprocessor, "INVALID_CONFIG", missingProcessor));
  const texts = declared.projection ? await readReporting(files, textEmbeddingsFile, true, options) : undefined;
  const weights = await readWeights(files, options);
  // The tensors decide which heads there are: many files name no class, or another one.
  const { config, whole } = naming(folder, "INVALID_CONFIG", () => configOf(json, weights, heads));
  const missingClassifier = heads && declared.labels.length > config.labels.length;
  return {
    name: files.name,
    // Some families leave the size of their pictures to the preprocessing.
    config: atPictureSize(config, preprocessing),
    ...(missingClassifier && { withoutClassifier: withoutClassifier(weights) }),
    preprocessing,
    weights,
    ...(reduction && { reduction }),
    // Recorded answers of the classifier say nothing of a model without it.
    ...(verification && whole && { verification }),
    ...(texts && { textEmbeddings: parseTextEmbeddings(texts, `${folder}/${textEmbeddingsFile}`) }),
  };
}

/** What a task needs of a checkpoint. */
export interface CheckpointNeeds {
  /** False where a classifier that does not fit is no reason to refuse the rest. Default true. */
  readonly heads?: boolean;
}

/** The configuration with the classifier where it fits, and for embeddings without one where it does not. */
function configOf(json: unknown, weights: WeightSource, heads: boolean): { config: VisionModelConfig; whole: boolean } {
  if (heads) return { config: parseModelConfig(json, weights), whole: true };
  const config = parseModelConfig(json, weights, { heads: false });
  try {
    const whole = parseModelConfig(json, weights);
    if (headsFit(weights, whole)) return { config: whole, whole: true };
  } catch (error) {
    // What is wrong with the classes is nothing to an embedding; all else has just been read.
    if (!isPptError(error) || error.code !== "INVALID_CONFIG") throw error;
  }
  return { config, whole: false };
}

/** So many tensors that may be a head are named. */
const headsShown = 3;

function withoutClassifier({ names }: WeightSource): string {
  const alike = names.filter((name) => /(^|[._])(head|classifier|fc)\d*\./.test(name)).slice(0, headsShown);
  const found = alike.length > 0 ? `; they hold ${alike.map((name) => `'${name}'`).join(", ")}` : "";
  return `the weights hold no classifier of one linear layer under a known name (classifier.weight, head.weight)${found}`;
}

/** A file that came after it had been missing. */
function missingProcessor(): never {
  throw new PptError("INVALID_CONFIG", "came while the checkpoint was read: load it again");
}

async function readWeights(files: CheckpointFiles, options: LoadOptions): Promise<WeightSource> {
  const whereOf = (file: string) => `${files.name.replace(/[/\\]+$/, "")}/${file}`;
  const single = await readReporting(files, singleFile, true, options);
  if (single) return parseSafetensors(single, whereOf(singleFile));
  const bytes = await readReporting(files, indexFile, true, options);
  if (!bytes)
    // Asked for once more as a must, because the store knows why it is missing.
    throw await readRequired(files, singleFile, options).then(
      () => new PptError("NOT_FOUND", `${files.name}: ${singleFile} came and went`),
      (reason: unknown) => missingWeights(files, reason, options.signal),
    );
  const index = parseSafetensorsIndex(bytes, whereOf(indexFile));
  const shards = new Map<string, SafetensorsFile>();
  // One after the other: each may be gigabytes, and the connection is the same.
  for (const shard of index.shards)
    shards.set(shard, parseSafetensors(await readRequired(files, shard, options), whereOf(shard)));
  return joinShards(index, shards, whereOf(indexFile));
}

async function readRequired(files: CheckpointFiles, file: string, options: LoadOptions): Promise<Uint8Array> {
  const bytes = await readReporting(files, file, false, options);
  if (!bytes) throw new PptError("NOT_FOUND", `${files.name}: has no ${file}`);
  return bytes;
}

/** Reads a file and tells the caller how far it is. A missing optional file is not mentioned. */
async function readReporting(
  files: CheckpointFiles,
  file: string,
  optional: boolean,
  { signal, progress_callback: report }: LoadOptions,
): Promise<Uint8Array | undefined> {
  const { name } = files;
  let started = false;
  const start = () => {
    if (!started) for (const status of ["initiate", "download"] as const) report?.({ status, name, file });
    started = true;
  };
  const onProgress = (loaded: number, total: number) => {
    start();
    report?.({ status: "progress", name, file, progress: total ? (100 * loaded) / total : 0, loaded, total });
  };
  const bytes = await files.read(file, { optional, signal, onProgress });
  if (bytes) {
    onProgress(bytes.length, bytes.length);
    report?.({ status: "done", name, file });
  }
  return bytes;
}

const parseJson = <R>(where: string, bytes: Uint8Array, code: PptErrorCode, parse: (json: unknown) => R): R =>
  naming(where, code, () => parse(parseConfigJson(bytes)));

/** What `work` gives; its errors begin with `where`, and have `code` where they have none. */
function naming<R>(where: string, code: PptErrorCode, work: () => R): R {
  try {
    return work();
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new PptError(isPptError(cause) ? cause.code : code, `${where}: ${reason}`, { cause });
  }
}

/** Reads and checks the files of a checkpoint in the Hugging Face layout, wherever they come from. */
import {
  type ConfigReader,
  isPptError,
  joinShards,
  openSafetensors,
  PptError,
  type PptErrorCode,
  parseConfigJson,
  parseReduction,
  parseSafetensors,
  parseSafetensorsIndex,
  parseVerificationRecords,
  type RandomAccessFile,
  reasonOf,
  type SafetensorsFile,
  type VisionModelConfig,
  type WeightSource,
} from "@ppt-vit/core";
import { loadedCode } from "@ppt-vit/core/backend";
import { headsFit, loadConfigReader } from "@ppt-vit/core/loading";
import type { Checkpoint } from "./checkpoint.js";
import type { CheckpointFiles, ReadFileOptions } from "./files.js";
import type { LoadOptions } from "./options.js";
import { atPictureSize } from "./resolution.js";
import { parseTextEmbeddings, textComparisonOf, textEmbeddingsFile } from "./text-embeddings.js";
import { indexFile, singleFile } from "./weight-files.js";

/** The files that say how pictures are preprocessed. */
const processorFiles = { processor: "processor_config.json", preprocessor: "preprocessor_config.json" } as const;

/**
 * Reads `config.json`, `processor_config.json` or `preprocessor_config.json` (timm has their content in `config.json`),
 * `model.safetensors` (or `model.safetensors.index.json` and the files that it names) and, if present, `reduction.json`,
 * `verification.json` and CLIP's `text_embeddings.safetensors`. The weights are read last, so that a wrong configuration
 * fails before a long download.
 * @throws PptError NOT_FOUND, INVALID_CONFIG, INVALID_REDUCTION, INVALID_SAFETENSORS, INVALID_WEIGHTS
 */
export async function parseCheckpoint(
  files: CheckpointFiles,
  options: LoadOptions = {},
  { heads = true }: CheckpointNeeds = {},
): Promise<Checkpoint> {
  const folder = files.name.replace(/[/\\]+$/, "");
  const parsing = <R>(file: string, code: PptErrorCode, parse: (json: unknown) => R | Promise<R>) =>
    readRequired(files, file, options).then((bytes) => parseJson(`${folder}/${file}`, bytes, code, parse));
  const parsingOptional = <R>(file: string, code: PptErrorCode, parse: (json: unknown) => R | Promise<R>) =>
    readReporting(files, file, true, options).then((bytes) =>
      bytes ? parseJson(`${folder}/${file}`, bytes, code, parse) : undefined,
    );
  const asItIs = (json: unknown) => json;

  const [{ json, reader, declared }, processor, preprocessor, reduction, verification] = await Promise.all([
    parsing("config.json", "INVALID_CONFIG", async (json) => {
      const reader = await loadConfigReader(json, []);
      return { json, reader, declared: reader.parseModelConfig(undefined, { heads }) };
    }),
    parsingOptional(processorFiles.processor, "INVALID_CONFIG", asItIs),
    parsingOptional(processorFiles.preprocessor, "INVALID_CONFIG", asItIs),
    parsingOptional("reduction.json", "INVALID_REDUCTION", parseReduction),
    parsingOptional("verification.json", "INVALID_CONFIG", parseVerificationRecords),
  ]);
  const preprocessing =
    (await naming(
      `${folder}/${processor === undefined ? processorFiles.preprocessor : processorFiles.processor}`,
      "INVALID_CONFIG",
      () => reader.parseProcessorFiles({ processor, preprocessor }),
    )) ??
    // Read again as required, to get the store's own error.
    (await parsing(processorFiles.preprocessor, "INVALID_CONFIG", missingProcessor));
  const texts = textComparisonOf(declared) ? await readReporting(files, textEmbeddingsFile, true, options) : undefined;
  const weights = await readWeights(files, options);
  // The tensors decide which heads there are: many a config.json names no class, or a wrong one.
  const { config, whole } = await naming(folder, "INVALID_CONFIG", async () =>
    configOf(await loadConfigReader(json, weights.names), weights, heads),
  );
  const missingClassifier = heads && declared.labels.length > config.labels.length;
  return {
    name: files.name,
    // Some families leave the size of their pictures to the preprocessing.
    config: atPictureSize(config, preprocessing),
    ...(missingClassifier && { withoutClassifier: withoutClassifier(weights) }),
    preprocessing,
    weights,
    ...(reduction && { reduction }),
    // Recorded logits of a classifier do not apply to a model without it.
    ...(verification && whole && { verification }),
    ...(texts && { textEmbeddings: parseTextEmbeddings(texts, `${folder}/${textEmbeddingsFile}`) }),
  };
}

/** What the caller needs of a checkpoint. */
export interface CheckpointNeeds {
  /** Whether a classifier that does not fit is an error. If false, it is left out. Default true. */
  readonly heads?: boolean;
}

/** The configuration by config.json and the tensors. `whole` is false if a classifier that does not fit was left out. */
function configOf(
  reader: ConfigReader,
  weights: WeightSource,
  heads: boolean,
): { config: VisionModelConfig; whole: boolean } {
  if (heads) return { config: reader.parseModelConfig(weights), whole: true };
  const config = reader.parseModelConfig(weights, { heads: false });
  try {
    const whole = reader.parseModelConfig(weights);
    if (headsFit(weights, whole)) return { config: whole, whole: true };
  } catch (error) {
    // Only the classes are wrong: without heads the same configuration has just been read.
    if (!isPptError(error) || error.code !== "INVALID_CONFIG") throw error;
  }
  return { config, whole: false };
}

/** Most tensors that the message names. */
const headsShown = 3;

function withoutClassifier({ names }: WeightSource): string {
  const alike = names.filter((name) => /(^|[._])(head|classifier|fc)\d*\./.test(name)).slice(0, headsShown);
  const found = alike.length > 0 ? `; they hold ${alike.map((name) => `'${name}'`).join(", ")}` : "";
  return `the weights hold no classifier of one linear layer under a known name (classifier.weight, head.weight)${found}`;
}

/** The file was missing, and is there when read again. */
function missingProcessor(): never {
  throw new PptError("INVALID_CONFIG", "appeared while the checkpoint was read: load it again");
}

async function readWeights(files: CheckpointFiles, options: LoadOptions): Promise<WeightSource> {
  const whereOf = (file: string) => `${files.name.replace(/[/\\]+$/, "")}/${file}`;
  const single = await openReporting(files, singleFile, true, options);
  if (single) return safetensorsOf(single, whereOf(singleFile));
  const bytes = await readReporting(files, indexFile, true, options);
  if (!bytes)
    // Read again as required, to get the store's error.
    throw await readRequired(files, singleFile, options).then(
      () =>
        new PptError("NOT_FOUND", `${files.name}: ${singleFile} appeared while the checkpoint was read: load it again`),
      async (reason: unknown) => {
        const { missingWeights } = await loadedCode(import(/* lazy */ "./missing-weights.js"));
        return missingWeights(files, reason, options.signal);
      },
    );
  const index = parseSafetensorsIndex(bytes, whereOf(indexFile));
  const shards = new Map<string, SafetensorsFile>();
  // Shards are read in turn: each may be gigabytes, and they share a connection.
  for (const shard of index.shards) {
    const opened = required(await openReporting(files, shard, false, options), files, shard);
    shards.set(shard, safetensorsOf(opened, whereOf(shard)));
  }
  return joinShards(index, shards, whereOf(indexFile));
}

const readRequired = async (files: CheckpointFiles, file: string, options: LoadOptions): Promise<Uint8Array> =>
  required(await readReporting(files, file, false, options), files, file);

function required<T>(found: T | undefined, files: CheckpointFiles, file: string): T {
  if (found === undefined) throw new PptError("NOT_FOUND", `${files.name}: has no ${file}`);
  return found;
}

const safetensorsOf = (found: Uint8Array | RandomAccessFile, where: string): SafetensorsFile =>
  found instanceof Uint8Array ? parseSafetensors(found, where) : openSafetensors(found, where);

const readReporting = (files: CheckpointFiles, file: string, optional: boolean, options: LoadOptions) =>
  reporting(files, file, optional, options, (options) => files.read(file, options));

/** A file of weights: opened if the store can do that, otherwise read. */
const openReporting = (files: CheckpointFiles, file: string, optional: boolean, options: LoadOptions) =>
  reporting<Uint8Array | RandomAccessFile>(files, file, optional, options, (options) =>
    files.open ? files.open(file, options) : files.read(file, options),
  );

/** Reads a file by `read` and reports progress. A missing optional file is not reported. */
async function reporting<T extends Uint8Array | RandomAccessFile>(
  { name }: CheckpointFiles,
  file: string,
  optional: boolean,
  { signal, progress_callback: report }: LoadOptions,
  read: (options: ReadFileOptions) => Promise<T | undefined>,
): Promise<T | undefined> {
  let started = false;
  const start = () => {
    if (!started) for (const status of ["initiate", "download"] as const) report?.({ status, name, file });
    started = true;
  };
  const onProgress = (loaded: number, total: number) => {
    start();
    report?.({ status: "progress", name, file, progress: total ? (100 * loaded) / total : 0, loaded, total });
  };
  const found = await read({ optional, signal, onProgress });
  if (found) {
    const bytes = found instanceof Uint8Array ? found.length : found.size;
    onProgress(bytes, bytes);
    report?.({ status: "done", name, file });
  }
  return found;
}

const parseJson = <R>(
  where: string,
  bytes: Uint8Array,
  code: PptErrorCode,
  parse: (json: unknown) => R | Promise<R>,
): Promise<R> => naming(where, code, () => parse(parseConfigJson(bytes)));

/** Gives what `work` gives. Its errors get `where` in front, and `code` if they have none. */
async function naming<R>(where: string, code: PptErrorCode, work: () => R | Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new PptError(isPptError(cause) ? cause.code : code, `${where}: ${reason}`, { cause });
  }
}

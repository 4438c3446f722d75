/** A checkpoint in the Hugging Face layout: what is in its files, read from wherever they are and checked. */
import {
  type ImageProcessorConfig,
  isPptError,
  PptError,
  type PptErrorCode,
  parseImageProcessorConfig,
  parseModelConfig,
  parseReduction,
  parseSafetensors,
  parseVerificationRecords,
  type ReductionConfig,
  type VerificationRecord,
  type VisionModelConfig,
  type WeightSource,
} from "@ppt-vit/core";

export interface Checkpoint {
  /** `demo`, or the folder or address as it was given. */
  readonly name: string;
  readonly config: VisionModelConfig;
  readonly preprocessing: ImageProcessorConfig;
  readonly weights: WeightSource;
  /** The checkpoint's own `reduction.json`, where it has one. */
  readonly reduction?: ReductionConfig;
  /** The checkpoint's own `verification.json`, where it has one. */
  readonly verification?: readonly VerificationRecord[];
}

export interface ReadFileOptions {
  /** Whether the file may be missing. */
  readonly optional: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Called as bytes arrive; `total` is 0 while it is not known. */
  readonly onProgress?: (loadedBytes: number, totalBytes: number) => void;
}

/** Where the files of a checkpoint are: a folder, an address, a dropped folder, or a store of your own. */
export interface CheckpointFiles {
  /** What results and messages call the checkpoint. */
  readonly name: string;
  /**
   * The bytes of one file; undefined where it is optional and missing.
   * @throws PptError NOT_FOUND where it cannot be read
   */
  read(file: string, options: ReadFileOptions): Promise<Uint8Array | undefined>;
}

/** What loading reports, in the shape that transformers.js gives. `name` is the checkpoint's. */
export type ProgressInfo =
  | { readonly status: "initiate" | "download" | "done"; readonly name: string; readonly file: string }
  | {
      readonly status: "progress";
      readonly name: string;
      readonly file: string;
      /** Percent, 0 while the total is not known. */
      readonly progress: number;
      readonly loaded: number;
      readonly total: number;
    }
  | { readonly status: "ready"; readonly task: "image-classification"; readonly model: string };

export interface LoadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called for each file as it is read. */
  readonly progress_callback?: ((info: ProgressInfo) => void) | undefined;
}

/**
 * Reads `config.json`, `preprocessor_config.json`, `model.safetensors` and, where present, `reduction.json` and
 * `verification.json`.
 * @throws PptError NOT_FOUND, INVALID_CONFIG, INVALID_REDUCTION, INVALID_SAFETENSORS
 */
export async function parseCheckpoint(files: CheckpointFiles, options: LoadOptions = {}): Promise<Checkpoint> {
  const parsing = <R>(file: string, code: PptErrorCode, parse: (json: unknown) => R) =>
    readRequired(files, file, options).then((bytes) => parseJson(`${folder}/${file}`, bytes, code, parse));
  const parsingOptional = <R>(file: string, code: PptErrorCode, parse: (json: unknown) => R) =>
    readReporting(files, file, true, options).then((bytes) =>
      bytes ? parseJson(`${folder}/${file}`, bytes, code, parse) : undefined,
    );

  const folder = files.name.replace(/[/\\]+$/, "");
  const [config, preprocessing, weights, reduction, verification] = await Promise.all([
    parsing("config.json", "INVALID_CONFIG", parseModelConfig),
    parsing("preprocessor_config.json", "INVALID_CONFIG", parseImageProcessorConfig),
    readRequired(files, "model.safetensors", options).then((bytes) =>
      parseSafetensors(bytes, `${folder}/model.safetensors`),
    ),
    parsingOptional("reduction.json", "INVALID_REDUCTION", parseReduction),
    parsingOptional("verification.json", "INVALID_CONFIG", parseVerificationRecords),
  ]);
  return {
    name: files.name,
    config,
    preprocessing,
    weights,
    ...(reduction && { reduction }),
    ...(verification && { verification }),
  };
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

function parseJson<R>(where: string, bytes: Uint8Array, code: PptErrorCode, parse: (json: unknown) => R): R {
  try {
    return parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PptError(isPptError(cause) ? cause.code : code, `${where}: ${reason}`, { cause });
  }
}

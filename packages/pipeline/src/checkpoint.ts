/** A checkpoint folder in the Hugging Face layout: what is in it, read and checked. */
import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
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
  /** `demo`, or the folder as it was given. */
  readonly name: string;
  readonly config: VisionModelConfig;
  readonly preprocessing: ImageProcessorConfig;
  readonly weights: WeightSource;
  /** The folder's own `reduction.json`, where it has one. */
  readonly reduction?: ReductionConfig;
  /** The folder's own `verification.json`, where it has one. */
  readonly verification?: readonly VerificationRecord[];
}

/**
 * Reads `config.json`, `preprocessor_config.json`, `model.safetensors` and, where present, `reduction.json` and
 * `verification.json`.
 * `source` is `demo`, or a folder: `./name`, `../name` or an absolute path. A name and a path are told apart by form.
 * @throws PptError NOT_FOUND, INVALID_CONFIG, INVALID_REDUCTION, INVALID_SAFETENSORS
 */
export async function readCheckpoint(source: string): Promise<Checkpoint> {
  const folder = await folderOf(source);
  const [config, preprocessing, weights, reduction, verification] = await Promise.all([
    readJson(folder, "config.json", "INVALID_CONFIG", parseModelConfig),
    readJson(folder, "preprocessor_config.json", "INVALID_CONFIG", parseImageProcessorConfig),
    readRequired(folder, "model.safetensors").then((bytes) =>
      parseSafetensors(bytes, join(source, "model.safetensors")),
    ),
    readJson(folder, "reduction.json", "INVALID_REDUCTION", parseReduction).catch(unlessMissing),
    readJson(folder, "verification.json", "INVALID_CONFIG", parseVerificationRecords).catch(unlessMissing),
  ]);
  return {
    name: source,
    config,
    preprocessing,
    weights,
    ...(reduction && { reduction }),
    ...(verification && { verification }),
  };
}

async function folderOf(source: string): Promise<string> {
  if (source === "demo") {
    const { demoModelUrl } = await import("@ppt-vit/demo-model").catch((cause: unknown) => {
      throw new PptError("NOT_FOUND", "the demo model is not installed: npm install @ppt-vit/demo-model", { cause });
    });
    return fileURLToPath(demoModelUrl);
  }
  if (/^\.{1,2}([/\\]|$)/.test(source) || isAbsolute(source)) return source;
  throw new PptError(
    "INVALID_OPTION",
    `model '${source}' is neither 'demo' nor a path: write ./${source} for a folder. Hub ids are not loaded yet; download the checkpoint into a folder first`,
  );
}

async function readRequired(folder: string, file: string): Promise<Uint8Array> {
  try {
    return await readFile(join(folder, file));
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    throw new PptError("NOT_FOUND", `${join(folder, file)}: cannot be read (${reason})`, { cause });
  }
}

async function readJson<R>(folder: string, file: string, code: PptErrorCode, parse: (json: unknown) => R): Promise<R> {
  const text = new TextDecoder().decode(await readRequired(folder, file));
  try {
    return parse(JSON.parse(text));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PptError(isPptError(cause) ? cause.code : code, `${join(folder, file)}: ${reason}`, { cause });
  }
}

/** An optional file: absent is fine, unreadable or wrong is not. */
function unlessMissing(error: unknown): undefined {
  const absent =
    isPptError(error) && error.cause instanceof Error && "code" in error.cause && error.cause.code === "ENOENT";
  if (!absent) throw error;
}

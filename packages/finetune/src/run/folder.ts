/** The folder of a run: the trained model at its top, and what the run needs to go on in `training`. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  modelFingerprint,
  PptError,
  type ReductionConfig,
  reductionVersion,
  storedParameters,
  type VisionModelConfig,
  type WeightSource,
  weightsFrom,
  writtenReduction,
} from "@ppt-vit/core";
import type { HostTensor } from "@ppt-vit/core/backend";
import type { Checkpoint } from "@ppt-vit/pipeline";
import { makeFolder } from "@ppt-vit/pipeline";
import { writeSafetensors } from "../output/safetensors.js";
import { writeFailure, writeWhole } from "../output/write-file.js";

export interface RunFolder {
  readonly state: string;
  readonly teacher: string;
}

/** Settings of a checkpoint that training leaves as they are. */
const copied = [
  "config.json",
  "preprocessor_config.json",
  "processor_config.json",
  "text_embeddings.safetensors",
] as const;

/** All that a run writes. */
const written: readonly string[] = [...copied, "model.safetensors", "reduction.json", "finetune.json", "training"];

/**
 * Makes the folder of a run, or checks that it is one to go on with.
 * @throws PptError INVALID_OPTION, WRITE_FAILED
 */
export function openRunFolder(out: string, options: { readonly resume: boolean; readonly force: boolean }): RunFolder {
  const training = join(out, "training");
  const refuse = (what: string): never => {
    throw new PptError("INVALID_OPTION", `${out}: ${what}`);
  };
  const found = statSync(out, { throwIfNoEntry: false });
  if (found && !found.isDirectory()) refuse("is a file: choose another folder");
  const entries = found ? readdirSync(out) : [];
  const foreign = entries.filter((name) => !written.includes(name) && !name.endsWith(".part"));
  if (foreign.length > 0)
    refuse(`holds files that no training wrote (${foreign.slice(0, 3).join(", ")}): choose another folder`);
  if (options.resume && !existsSync(join(training, "state.safetensors")))
    refuse("holds no run that was interrupted: leave resume out to begin one");
  if (entries.length > 0 && !options.resume) {
    if (!options.force)
      refuse("exists and is not empty: go on with its run (resume), replace it (force), or choose another folder");
    for (const name of entries) rmSync(join(out, name), { recursive: true, force: true });
  }
  try {
    makeFolder(training);
  } catch (cause) {
    throw writeFailure(training, cause);
  }
  return { state: join(training, "state.safetensors"), teacher: join(training, "teacher.safetensors") };
}

/** What `writeModel` writes. */
export interface TrainedModel {
  readonly checkpoint: Checkpoint;
  /** The folder of the checkpoint's files. */
  readonly folder: string;
  readonly reduction: ReductionConfig | undefined;
  /** Trained parameters by the program's names. */
  readonly values: ReadonlyMap<string, HostTensor>;
  /** What `finetune.json` holds, from the fingerprint of the weights. */
  record(fingerprint: string): object;
}

/** Writes a folder that every command takes as a model. Its config.json comes last. */
export function writeModel(out: string, { checkpoint, folder, reduction, values, record }: TrainedModel): void {
  const { config, weights } = checkpoint;
  const tensors = trainedTensors(config, weights, values);
  const fingerprint = modelFingerprint(config, weightsFrom(tensors));
  const put = (name: string, data: string | Uint8Array) => writeWhole(join(out, name), data);
  // transformers asks for this entry.
  put("model.safetensors", writeSafetensors(tensors, { format: "pt" }));
  if (reduction) {
    const name = `${checkpoint.name.replace(/[/\\]+$/, "")}, fine-tuned`;
    const settings = { version: reductionVersion, ...writtenReduction(reduction), model: { name, fingerprint } };
    put("reduction.json", `${JSON.stringify(settings, null, 2)}\n`);
  } else rmSync(join(out, "reduction.json"), { force: true });
  put("finetune.json", `${JSON.stringify(record(fingerprint), null, 2)}\n`);
  for (const name of [...copied].reverse()) {
    const source = join(folder, name);
    if (existsSync(source)) put(name, readFileSync(source));
  }
}

/** All tensors of the checkpoint, with those that were trained. */
function trainedTensors(
  config: VisionModelConfig,
  weights: WeightSource,
  values: ReadonlyMap<string, HostTensor>,
): Record<string, HostTensor> {
  const changed = storedParameters(weights, config, Object.fromEntries(values));
  return Object.fromEntries(weights.names.map((name) => [name, changed[name] ?? weights.read(name)]));
}

/** `ppt-vit finetune`: trains a model on pictures, shows how it goes, and can be interrupted. */
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { describeReduction, PptError } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import type { Evaluation, FinetuneOptions, FinetuneProgress, FinetuneResult, TrainingPicture } from "@ppt-vit/finetune";
import { type Checkpoint, checkpointFolder, makeFolder, readCheckpoint, resolveReduction } from "@ppt-vit/pipeline";
import { onEnding } from "../../files/ending.js";
import { writeError } from "../../files/errors.js";
import { takeLock } from "../../files/lock.js";
import { requireOutputs } from "../../files/outputs.js";
import { writeFileWhole } from "../../files/write-file.js";
import { type ModelFlags, withDownloads } from "../../flags/model-options.js";
import { type BatchFlags, decodeOptions } from "../../flags/picture-options.js";
import { type ReductionFlags, reductionOf } from "../../flags/reduction-options.js";
import { complain, print, printJson, say } from "../../output/print.js";
import { isWatched, withStatus } from "../../output/progress.js";
import { openDataset } from "../eval/dataset.js";

type Training = Pick<
  FinetuneOptions,
  | "loss"
  | "train"
  | "blocks"
  | "epochs"
  | "accumulate"
  | "learningRate"
  | "weightDecay"
  | "warmUp"
  | "clip"
  | "ema"
  | "temperature"
  | "labelShare"
  | "labelSmoothing"
  | "optimizer"
  | "augmentation"
  | "mixup"
  | "cutmix"
  | "patience"
  | "recompute"
  | "seed"
  | "threads"
  | "saveEvery"
  | "resume"
  | "force"
>;

export interface FinetuneFlags
  extends Training,
    ModelFlags,
    ReductionFlags,
    Pick<BatchFlags, "firstFrame" | "maxPixels"> {
  readonly model: string;
  readonly images: string;
  readonly out: string;
  readonly labels: boolean;
  readonly classes?: string;
  readonly evaluation?: string;
  readonly holdBack: number;
  readonly limit?: number;
  readonly batch?: number;
  readonly device: "auto" | NonNullable<FinetuneOptions["device"]>;
  readonly report?: string;
  readonly json: boolean;
}

/** Ends a run that was interrupted: the state is saved. */
const interrupted = new PptError("DISPOSED", "interrupted");

/** One run at a time writes a folder: two would write each other's state. @returns the exit code */
export async function finetuneCommand(flags: FinetuneFlags): Promise<0 | 1 | 130> {
  const { model, out, report, images, evaluation, classes } = flags;
  requireOutputs({ "--report": report }, [images, evaluation, classes]);
  const folder = resolve(out);
  if (folder === resolve(model))
    throw new PptError("INVALID_OPTION", `--out ${out} is the model that is trained: choose another folder`);
  try {
    makeFolder(dirname(folder));
  } catch (cause) {
    throw writeError(dirname(folder), cause);
  }
  const lock = takeLock(`${folder}.lock`, out, "wait");
  try {
    return await train(flags);
  } finally {
    lock.release();
  }
}

async function train(flags: FinetuneFlags): Promise<0 | 1 | 130> {
  const { model, out, report } = flags;
  const { checkpoint, folder } = await withDownloads(model, flags, async (loading) => ({
    checkpoint: await readCheckpoint(model, loading),
    folder: await checkpointFolder(model, loading),
  }));
  const { pictures, evaluation, notes } = await picturesOf(flags, checkpoint);
  say(...notes);
  const reduction = resolveReduction(checkpoint, reductionOf(flags));
  const { finetune, finetunePage } = await import("@ppt-vit/finetune").catch((cause: unknown) => {
    throw (cause as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND"
      ? new PptError("BACKEND_UNAVAILABLE", "training needs @ppt-vit/finetune: npm install @ppt-vit/finetune", {
          cause,
        })
      : cause;
  });
  const device = flags.device === "auto" ? fastestDevice() : flags.device;
  const abort = new AbortController();
  // A second signal ends the process at once.
  const stopListening = onInterruption(() => {
    say("interrupted: the step under way ends, then the state is saved; a second Ctrl-C ends at once");
    abort.abort(interrupted);
  });
  const failures: PptError[] = [];
  try {
    const result = await withStatus((tell) =>
      finetune({
        ...trainingOf(flags),
        ...{ checkpoint, folder, reduction, pictures, evaluation, out, device },
        decoding: decodeOptions(flags),
        signal: abort.signal,
        onFailure: (_, error) => {
          failures.push(error);
          complain(error);
        },
        onProgress: (progress) => showProgress(progress, tell),
      }),
    );
    if (report !== undefined) writeFileWhole(report, finetunePage(result), "--report");
    if (flags.json) printJson({ ...result, failures: failures.map(({ code, message }) => ({ code, message })) }, 2);
    else print(...summary(result, flags));
    return failures.length > 0 ? 1 : 0;
  } catch (error) {
    if (error !== interrupted) throw error;
    say(`saved in ${join(out, "training")}: go on with the same command and --resume`);
    return 130;
  } finally {
    stopListening();
  }
}

/** Calls `stop` for the first signal only; the next one has its usual effect. */
function onInterruption(stop: () => void): () => void {
  const listening = onEnding(() => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, kept);
    setImmediate(() => {
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.off(signal, kept);
    });
    stop();
  });
  const kept = () => {};
  return listening;
}

/** The fields that `finetune` takes as they are. */
function trainingOf(flags: FinetuneFlags): Partial<FinetuneOptions> {
  const { loss, train, blocks, epochs, batch, accumulate, learningRate, weightDecay, warmUp, clip, ema } = flags;
  const { temperature, labelShare, labelSmoothing, optimizer, augmentation, mixup, cutmix, patience } = flags;
  const { recompute, seed, threads, saveEvery, resume, force, labels } = flags;
  return {
    ...{ train, blocks, epochs, batch, accumulate, learningRate, weightDecay, warmUp, clip, ema, temperature },
    ...{ labelShare, labelSmoothing, optimizer, augmentation, mixup, cutmix, patience, recompute, seed, threads },
    ...{ saveEvery, resume, force, loss: loss ?? (labels ? "mixed" : undefined) },
  };
}

/** tfjs-node is many times as fast as wasm. It is not asked for by name, because its install script downloads. */
function fastestDevice(): NonNullable<FinetuneOptions["device"]> {
  const require = createRequire(import.meta.url);
  const installed = (name: string) => {
    try {
      require.resolve(name);
      return true;
    } catch {
      return false;
    }
  };
  return installed("@tensorflow/tfjs-node-gpu") ? "node-gpu" : installed("@tensorflow/tfjs-node") ? "node" : "wasm";
}

interface Pictures {
  readonly pictures: readonly TrainingPicture[];
  readonly evaluation: readonly TrainingPicture[];
  readonly notes: readonly string[];
}

/** The pictures to train on, and those that are held back: of each run of the list, one. */
async function picturesOf(flags: FinetuneFlags, { config }: Checkpoint): Promise<Pictures> {
  const { images, labels, classes, limit, evaluation, holdBack } = flags;
  if (classes !== undefined && !labels)
    throw new PptError("INVALID_OPTION", "--classes explains labels: give --labels, too, or leave it out");
  if (labels && config.labels.length === 0)
    throw new PptError(
      "INVALID_OPTION",
      "--labels: the model has no classes: leave labels out, its embeddings are kept",
    );
  const open = async (path: string, most?: number) => {
    const options = { labels: labels && config.labels, classes, limit: most } as const;
    const { root, samples, notes } = await openDataset(path, options);
    const found = samples.map(
      ({ file, label }): TrainingPicture => ({ file: resolve(root, file), ...(labels && { label }) }),
    );
    return { found, notes };
  };
  const { found, notes } = await open(images, limit);
  if (evaluation !== undefined) {
    const other = await open(evaluation);
    return { pictures: found, evaluation: other.found, notes: [...notes, ...other.notes] };
  }
  const isHeld = (i: number) => Math.floor((i + 1) * holdBack) > Math.floor(i * holdBack);
  return {
    pictures: found.filter((_, i) => !isHeld(i)),
    evaluation: found.filter((_, i) => isHeld(i)),
    notes,
  };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** `1:02:03`, or `2:03` below an hour. */
function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const end = `${String(whole % 60).padStart(2, "0")}`;
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${end}` : `${minutes}:${end}`;
}

function showProgress(progress: FinetuneProgress, tell: (text: string) => void): void {
  switch (progress.kind) {
    case "teacher":
      tell(`answers of the unreduced model: ${progress.done} of ${progress.total}`);
      break;
    case "kept":
      tell(`what pictures are after the first removal of tokens: ${progress.done} of ${progress.total}`);
      break;
    case "step": {
      const { step, steps, epoch, epochs, loss, secondsLeft } = progress;
      tell(
        `epoch ${epoch} of ${epochs}, step ${step} of ${steps}, loss ${loss.toPrecision(4)}, ${clock(secondsLeft)} left`,
      );
      break;
    }
    case "evaluation":
      if (isWatched()) tell("");
      say(evaluationLine(progress));
      break;
    case "resumed":
      say(`going on after step ${progress.step}`);
      break;
    case "saved":
      break;
  }
}

function evaluationLine(evaluation: Evaluation & { readonly best: boolean }): string {
  const { step, agreement, accuracy, distance, best } = evaluation;
  const parts = [
    ...(agreement === undefined ? [] : [`${percent(agreement)} answers as unreduced`]),
    ...(accuracy === undefined ? [] : [`${percent(accuracy)} right`]),
    `distance ${distance.toPrecision(3)}`,
    ...(best && step > 0 ? ["the best so far"] : []),
  ];
  return `step ${step}: ${parts.join(", ")}`;
}

function summary(
  { chosen, evaluations, reduction, values, pictures, seconds, engine, peakBytes, stoppedEarly, steps }: FinetuneResult,
  { out, report }: FinetuneFlags,
): string[] {
  const [first] = evaluations;
  const shown = (name: "agreement" | "accuracy", words: string) =>
    first?.[name] === undefined || chosen?.[name] === undefined
      ? []
      : [
          `  ${words}: ${percent(first[name])} before, ${percent(chosen[name])} now, on ${counted(chosen.pictures, "picture")} held back`,
        ];
  return [
    `trained ${values.trained} of ${values.all} values on ${counted(pictures, "picture")} in ${counted(steps.length, "step")}${stoppedEarly ? ", which stopped early" : ""}: ${clock(seconds)} on ${engine}, ${(peakBytes / 2 ** 30).toFixed(1)} GiB`,
    ...(reduction ? [`  ${describeReduction(reduction)}`] : []),
    ...shown("agreement", "same answer as unreduced"),
    ...shown("accuracy", "right answers"),
    ...(first && chosen
      ? [`  distance from unreduced: ${first.distance.toPrecision(3)} before, ${chosen.distance.toPrecision(3)} now`]
      : ["  no pictures were held back, so the last weights were taken"]),
    ...(chosen?.step === 0 ? ["  no step made the model better: the weights are as they were"] : []),
    `wrote ${out}${report ? ` and ${report}` : ""}; use it with --model ${/[/\\]/.test(out) ? out : `./${out}`}`,
  ];
}

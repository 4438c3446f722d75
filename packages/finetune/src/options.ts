/** The options of `finetune`, with their defaults. */
import type { Tfjs, TfjsDevice } from "@ppt-vit/backend-tfjs";
import { PptError, type ReductionConfig } from "@ppt-vit/core";
import {
  arrayOf,
  type Check,
  type Checks,
  callback,
  check,
  checkOptions,
  count,
  flag,
  object,
  positive,
  seedCheck,
  signalCheck,
  text,
} from "@ppt-vit/core/options";
import type { Checkpoint, DecodeOptions } from "@ppt-vit/pipeline";
import { augmentations } from "./augmentations/index.js";
import type { TrainingPicture } from "./data/picture.js";
import { losses } from "./losses/index.js";
import type { Loss } from "./losses/loss.js";
import { named } from "./named.js";
import { optimizers } from "./optimizers/index.js";
import type { FinetuneProgress } from "./run/progress.js";
import { subsets } from "./subsets/index.js";

/** How a model is trained. Every field has a default. */
export interface TrainingSettings {
  /** `distillation`, `cross-entropy`, `mixed`, or `cosine` for models without classes. Default: without labels, the first that fits. */
  readonly loss?: string | undefined;
  /** Softens both answers of a distillation. Default 2. */
  readonly temperature?: number | undefined;
  /** Share of the labels in a mixed loss. Default 0.5. */
  readonly labelShare?: number | undefined;
  /** Share of a label that is spread over all classes. Default 0.1. */
  readonly labelSmoothing?: number | undefined;
  /** `norms`, `reduced`, `last-blocks` or `all`. Default `norms`. */
  readonly train?: string | undefined;
  /** How many blocks `last-blocks` trains. Default 2. */
  readonly blocks?: number | undefined;
  /** Default `adamw`. */
  readonly optimizer?: string | undefined;
  /** Default: that of what is trained. */
  readonly learningRate?: number | undefined;
  /** Not applied to norms and biases. Default 0.05. */
  readonly weightDecay?: number | undefined;
  /** Share of the steps in which the learning rate rises. Default 0.05. */
  readonly warmUp?: number | undefined;
  /** Longest gradient; 0 for any length. Default 1. */
  readonly clip?: number | undefined;
  /** How much an exponential average of the weights keeps in each step, which is then what is evaluated and written. 0: none. Default 0. */
  readonly ema?: number | undefined;
  /** Times that every picture is seen. Default 10. */
  readonly epochs?: number | undefined;
  /** Pictures in memory at once. Default 16. */
  readonly batch?: number | undefined;
  /** Batches whose gradients are added up for one step. Default 1. */
  readonly accumulate?: number | undefined;
  /** `none`, `flip`, `corners` or `crop`. Default `flip`; with labels `crop`. */
  readonly augmentation?: string | undefined;
  /** Parameter of mixup's beta distribution. 0: none. Default 0. */
  readonly mixup?: number | undefined;
  /** The same of cutmix. Default 0. */
  readonly cutmix?: number | undefined;
  /** Evaluations without a better one after which training stops. 0: never. Default 0. */
  readonly patience?: number | undefined;
  /** Whether a block's activations are computed again for its gradient. Saves memory, costs a third more time. Default false. */
  readonly recompute?: boolean | undefined;
  /** Of the order of pictures, their versions and their mixing. Default 0. */
  readonly seed?: number | undefined;
}

/** What `finetune` needs. */
export interface FinetuneOptions extends TrainingSettings {
  /** As `readCheckpoint` of `@ppt-vit/pipeline` gives it. */
  readonly checkpoint: Checkpoint;
  /** The folder of the checkpoint's files, of which all but weights and reduction are copied. */
  readonly folder: string;
  /** The reduction to train with, as `resolveReduction` gives it; undefined for the unreduced model. */
  readonly reduction?: ReductionConfig | undefined;
  readonly pictures: readonly TrainingPicture[];
  /** Pictures that are held back: after each epoch they tell how good the model is. Default: none, so the last weights are taken. */
  readonly evaluation?: readonly TrainingPicture[] | undefined;
  /** The folder that is written. */
  readonly out: string;
  /** Whether to go on with a run that was interrupted. Default false. */
  readonly resume?: boolean | undefined;
  /** Whether to replace what an earlier run wrote. Default false. */
  readonly force?: boolean | undefined;
  /** Default `wasm`, or the engine that is active in `tf`. */
  readonly device?: TfjsDevice | undefined;
  /** The TensorFlow.js namespace that your application uses. */
  readonly tf?: Tfjs | undefined;
  /** Threads that read pictures; 0 reads them in this one. Default 2. */
  readonly threads?: number | undefined;
  readonly decoding?: DecodeOptions | undefined;
  /** Seconds between two saves of the state. Default 60. */
  readonly saveEvery?: number | undefined;
  /** When it is aborted, the state is saved and `finetune` throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: FinetuneProgress) => void) | undefined;
  /** Called once for each picture that cannot be read. It is left out. */
  readonly onFailure?: ((picture: TrainingPicture, error: PptError) => void) | undefined;
}

const between = (least: number, most: number, words: string): Check =>
  check(words, (value) => typeof value === "number" && value >= least && value <= most);
const share = between(0, 1, "a number from 0 to 1");
const notNegative = between(0, Number.MAX_VALUE, "a number of at least 0");
const whole = check("a whole number of at least 0", (value) => Number.isSafeInteger(value) && (value as number) >= 0);
const isPicture = (value: unknown) =>
  typeof value === "object" && value !== null && typeof (value as TrainingPicture).file === "string";
const pictures = arrayOf("pictures { file, label? }", isPicture);

const checks: Checks<FinetuneOptions> = {
  checkpoint: object,
  folder: text,
  reduction: object,
  pictures,
  evaluation: pictures,
  out: text,
  resume: flag,
  force: flag,
  device: text,
  tf: object,
  threads: whole,
  decoding: object,
  saveEvery: positive,
  signal: signalCheck,
  onProgress: callback,
  onFailure: callback,
  loss: text,
  temperature: positive,
  labelShare: share,
  labelSmoothing: between(0, 0.99, "a number from 0 to 0.99"),
  train: text,
  blocks: count(),
  optimizer: text,
  learningRate: positive,
  weightDecay: notNegative,
  warmUp: share,
  clip: notNegative,
  ema: between(0, 0.999999, "a number from 0 to below 1"),
  epochs: count(),
  batch: count(),
  accumulate: count(),
  augmentation: text,
  mixup: notNegative,
  cutmix: notNegative,
  patience: whole,
  recompute: flag,
  seed: seedCheck,
};

export type CompleteSettings = { readonly [Name in keyof TrainingSettings]-?: NonNullable<TrainingSettings[Name]> };

export interface ParsedOptions {
  readonly given: FinetuneOptions;
  readonly settings: CompleteSettings;
  readonly loss: Loss;
  readonly classes: number;
}

/** @throws PptError INVALID_OPTION, INVALID_INPUT */
export function parseOptions(options: FinetuneOptions): ParsedOptions {
  const given = checkOptions("finetune", options, checks, { required: ["checkpoint", "folder", "pictures", "out"] });
  const { config } = given.checkpoint;
  const classes = config.labels.length;
  const kind = classes > 0 ? "classes" : "embedding";
  const loss =
    given.loss === undefined
      ? losses.find((each) => each.answers === kind && !each.needsLabels)!
      : named(losses, given.loss, "loss");
  const refuse = (message: string, code: "INVALID_OPTION" | "INVALID_INPUT" = "INVALID_OPTION"): never => {
    throw new PptError(code, `finetune: ${message}`);
  };
  if (config.depth) refuse("depth models cannot be trained: take a classifier or a model with embeddings");
  if (config.problem !== undefined && config.problem !== "single-label" && classes > 0)
    refuse(`the model's problem is '${config.problem}': only single-label classifiers can be trained`);
  if (loss.answers !== kind)
    refuse(
      `the loss '${loss.name}' is for ${loss.answers === "classes" ? "classifiers" : "models without classes"}; for this model take ${losses
        .filter((each) => each.answers === kind)
        .map((each) => `'${each.name}'`)
        .join(" or ")}`,
    );
  if (loss.needsTeacher && !loss.needsLabels && given.reduction === undefined)
    refuse(
      "without labels the unreduced model teaches the reduced one: give a reduction, or labels and a loss for them",
    );
  if (given.pictures.length === 0) refuse("there are no pictures to train on", "INVALID_INPUT");
  if (loss.needsLabels) requireLabels(given.pictures, classes, refuse);
  for (const { label } of given.evaluation ?? [])
    if (label !== undefined && !(label < classes)) refuse(`an evaluation picture has class ${label}`, "INVALID_INPUT");
  const subset = named(subsets, given.train ?? "norms", "train");
  const settings: CompleteSettings = {
    loss: loss.name,
    temperature: given.temperature ?? 2,
    labelShare: given.labelShare ?? 0.5,
    labelSmoothing: given.labelSmoothing ?? 0.1,
    train: subset.name,
    blocks: Math.min(given.blocks ?? 2, config.layers),
    optimizer: named(optimizers, given.optimizer ?? "adamw", "optimizer").name,
    learningRate: given.learningRate ?? subset.learningRate,
    weightDecay: given.weightDecay ?? 0.05,
    warmUp: given.warmUp ?? 0.05,
    clip: given.clip ?? 1,
    ema: given.ema ?? 0,
    epochs: given.epochs ?? 10,
    batch: given.batch ?? 16,
    accumulate: given.accumulate ?? 1,
    augmentation: named(augmentations, given.augmentation ?? (loss.needsLabels ? "crop" : "flip"), "augmentation").name,
    mixup: given.mixup ?? 0,
    cutmix: given.cutmix ?? 0,
    patience: given.patience ?? 0,
    recompute: given.recompute ?? false,
    seed: given.seed ?? 0,
  };
  return { given, settings, loss, classes };
}

function requireLabels(
  pictures: readonly TrainingPicture[],
  classes: number,
  refuse: (message: string, code?: "INVALID_OPTION" | "INVALID_INPUT") => never,
): void {
  const isLabel = (label: unknown) => Number.isInteger(label) && (label as number) >= 0 && (label as number) < classes;
  const wrong = pictures.find(({ label }) => !isLabel(label));
  if (wrong)
    refuse(
      wrong.label === undefined
        ? `${wrong.file} has no label, which the loss needs: label every picture, or take a loss that needs none`
        : `${wrong.file} has the label ${wrong.label}: the model's classes are 0 to ${classes - 1}`,
      "INVALID_INPUT",
    );
  if (pictures.length > 1 && new Set(pictures.map(({ label }) => label)).size === 1)
    refuse(
      `all pictures have the label ${pictures[0]!.label}: a model that always gives this answer would be perfect. Add other classes, or train without labels`,
      "INVALID_INPUT",
    );
}

/** The two models of a run: the one that is trained, with its reduction, and its unreduced teacher with the weights as they were. */
import { isStoredParameter, PptError, prepareVisionProgram } from "@ppt-vit/core";
import type { HostTensor, Tensors } from "@ppt-vit/core/backend";
import { named } from "../named.js";
import type { FinetuneOptions, ParsedOptions } from "../options.js";
import { splitProgram } from "../split.js";
import { subsets } from "../subsets/index.js";
import { isAfterRemoval } from "../subsets/reduced.js";
import { openTraining, type TrainingEngine } from "../tfjs.js";
import { createTrainer, type Trainer, type TrainerOptions } from "../trainer.js";
import { countedVersions } from "./teacher.js";

/** More of what pictures are after the first removal is not kept. */
const mostBytes = 2 ** 29;

export interface RunModels {
  readonly engine: TrainingEngine;
  readonly student: Trainer;
  readonly teacher: Trainer;
  /**
   * Makes of pictures what the student takes: all that leaves the first removal of tokens. Undefined where the student takes the pictures
   * themselves, because something before the removal is trained, or because pictures have too many versions to be kept.
   */
  readonly before: Trainer | undefined;
  readonly params: Tensors<HostTensor>;
  /** Names of the trained parameters. */
  readonly trained: readonly string[];
  readonly reduction: FinetuneOptions["reduction"];
  dispose(): void;
}

/** @throws PptError INVALID_REDUCTION, INVALID_WEIGHTS, INVALID_OPTION, BACKEND_UNAVAILABLE */
export async function openModels(parsed: ParsedOptions): Promise<RunModels> {
  const { given, settings, loss, classes } = parsed;
  const { checkpoint, reduction } = given;
  const { config, weights } = checkpoint;
  const reduced = prepareVisionProgram({ config, weights, reduction });
  const whole = prepareVisionProgram({ config, weights });
  const subset = named(subsets, settings.train, "train");
  const firstStage = reduced.plan.stages[0]?.layer;
  const trained = Object.keys(reduced.params).filter(
    (name) => isStoredParameter(name, config) && subset.trains(name, { config, blocks: settings.blocks, firstStage }),
  );
  if (trained.length === 0)
    throw new PptError(
      "INVALID_OPTION",
      `finetune: '${subset.name}' trains no parameter of this model${reduction ? "" : " without a reduction"}: choose another`,
    );
  const engine = await openTraining({ tf: given.tf, device: given.device });
  const opened: { dispose(): void }[] = [engine];
  const dispose = () => {
    for (const each of opened.splice(0).reverse()) each.dispose();
  };
  try {
    const inputShape = [config.channels, ...reduced.config.imageSize];
    const frozen = { engine, inputShape, trained: [], recompute: false };
    const learning = { engine, trained, params: reduced.params, recompute: settings.recompute };
    const teacher = createTrainer({ ...frozen, program: whole.program, params: whole.params });
    opened.push(teacher);
    const open = (options: TrainerOptions): Trainer => {
      const trainer = createTrainer(options, teacher.device);
      opened.push(trainer);
      return trainer;
    };
    // One picture, so that an operation without a gradient is told before any work is done.
    let blank: Float32Array = new Float32Array(inputShape.reduce((product, n) => product * n, 1));
    const width = (await teacher.answers(blank, 1)).length;
    let before: Trainer | undefined;
    let program = reduced.program;
    // The last block computes only what the head reads, so nothing of its stage can be kept.
    if (firstStage !== undefined && firstStage < config.layers - 1 && areKept(parsed, trained, firstStage)) {
      const split = splitProgram(engine, reduced.program, firstStage);
      const first = open({ ...frozen, program: split.before, params: reduced.params });
      const row = await first.answers(blank, 1);
      if (row.byteLength * versionsIn(parsed) <= mostBytes) [before, program, blank] = [first, split.after, row];
    }
    const student = open({ ...learning, program, inputShape: before ? [blank.length] : inputShape });
    const { tf } = engine;
    const lossOf: Parameters<Trainer["gradients"]>[0]["lossOf"] = (answers) => {
      const even = () => tf.fill([1, width], 1 / width);
      return loss.of({ tf, answers, teacher: even(), targets: classes > 0 ? even() : undefined }, settings);
    };
    await student.gradients({ pixels: blank, batch: 1, lossOf });
    return { engine, student, teacher, before, params: reduced.params, trained, reduction, dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Whether pictures come to the trained part as they came to it before. */
const areKept = (parsed: ParsedOptions, trained: readonly string[], firstStage: number): boolean =>
  countedVersions(parsed) !== undefined && trained.every((name) => isAfterRemoval(name, firstStage));

/** How many versions of pictures a run sees, with those that are held back. */
const versionsIn = (parsed: ParsedOptions): number =>
  (countedVersions(parsed) ?? 0) * parsed.given.pictures.length + (parsed.given.evaluation?.length ?? 0);

/** The two models of a run: the one that is trained, with its reduction, and its unreduced teacher with the weights as they were. */
import { isStoredParameter, PptError, prepareVisionProgram } from "@ppt-vit/core";
import type { HostTensor, Tensors } from "@ppt-vit/core/backend";
import { named } from "../named.js";
import type { FinetuneOptions, ParsedOptions } from "../options.js";
import { subsets } from "../subsets/index.js";
import { openTraining, type TrainingEngine } from "../tfjs.js";
import { createTrainer, type Trainer } from "../trainer.js";

export interface RunModels {
  readonly engine: TrainingEngine;
  readonly student: Trainer;
  readonly teacher: Trainer;
  readonly params: Tensors<HostTensor>;
  /** Names of the trained parameters. */
  readonly trained: readonly string[];
  readonly reduction: FinetuneOptions["reduction"];
  dispose(): void;
}

/** @throws PptError INVALID_REDUCTION, INVALID_WEIGHTS, INVALID_OPTION, BACKEND_UNAVAILABLE */
export async function openModels({ given, settings, loss, classes }: ParsedOptions): Promise<RunModels> {
  const { checkpoint, reduction } = given;
  const { config, weights } = checkpoint;
  const reduced = prepareVisionProgram({ config, weights, reduction });
  const whole = prepareVisionProgram({ config, weights });
  const subset = named(subsets, settings.train, "train");
  const trained = Object.keys(reduced.params).filter(
    (name) => isStoredParameter(name, config) && subset.trains(name, { config, blocks: settings.blocks }),
  );
  if (trained.length === 0)
    throw new PptError(
      "INVALID_OPTION",
      `finetune: '${subset.name}' trains no parameter of this model: choose another`,
    );
  const engine = await openTraining({ tf: given.tf, device: given.device });
  const common = { engine, imageSize: reduced.config.imageSize, channels: config.channels };
  const frozen = { ...common, program: whole.program, params: whole.params, trained: [], recompute: false };
  const teacher = createTrainer(frozen);
  const student = createTrainer(
    { ...common, program: reduced.program, params: reduced.params, trained, recompute: settings.recompute },
    teacher.device,
  );
  const models = { engine, student, teacher, params: reduced.params, trained, reduction };
  const dispose = () => {
    student.dispose();
    teacher.dispose();
    engine.dispose();
  };
  // One picture, so that an operation without a gradient is told before any work is done.
  const blank = new Float32Array(config.channels * config.imageSize[0] * config.imageSize[1]);
  const { tf } = engine;
  const width = (await teacher.answers(blank, 1)).length;
  const lossOf: Parameters<Trainer["gradients"]>[0]["lossOf"] = (answers) => {
    const even = () => tf.fill([1, width], 1 / width);
    return loss.of({ tf, answers, teacher: even(), targets: classes > 0 ? even() : undefined }, settings);
  };
  await student.gradients({ pixels: blank, batch: 1, lossOf });
  return { ...models, dispose };
}

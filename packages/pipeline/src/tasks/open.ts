/** A checkpoint on a backend, as a model of a task. */
import { createVisionModel, defaultDtype, modelCost, patchGrid, quantizationOf } from "@ppt-vit/core";
import { openBackend } from "../backends/create.js";
import { announceNotices } from "../backends/notice.js";
import { automatic } from "../backends/registry.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { LoadOptions } from "../checkpoint/options.js";
import type { CheckpointNeeds } from "../checkpoint/parse.js";
import { resolveReduction } from "../checkpoint/reduction.js";
import { atImageSize, checkPreprocessing } from "../checkpoint/resolution.js";
import type { Fetched, Pictures } from "../pictures/look-ahead.js";
import { runInBatches } from "./batches.js";
import { assembleModel } from "./model.js";
import type { ModelOptions } from "./options.js";
import { type ModelOf, type OptionsOf, type TaskName, taskNamed } from "./registry.js";
import type { AnyTask, ModelFacts } from "./task.js";
import { verifyCheckpoint } from "./verify.js";

/** Reads a checkpoint from its source. */
export type ReadCheckpoint = (options: LoadOptions, needs: CheckpointNeeds) => Promise<Checkpoint>;

/**
 * Opens a model for the task that `options` name.
 * @throws PptError errors of `read`; INVALID_CONFIG, INVALID_OPTION, INVALID_WEIGHTS, INVALID_REDUCTION,
 * UNKNOWN_BACKEND, BACKEND_UNAVAILABLE, VERIFICATION_FAILED
 */
export async function openModel<Name extends TaskName, Input, Encoded extends Fetched>(
  read: ReadCheckpoint,
  options: OptionsOf<Name>,
  loadPictures: () => Promise<Pictures<Input, Encoded>>,
): Promise<ModelOf<Name, Input>> {
  const task = taskNamed(options.task);
  const { model, preprocessing, prepared, facts, dispose } = await load(task, read, options);
  const { trace = false } = options;
  return assembleModel<Input>(
    task,
    { ...facts, ...task.facts(prepared) },
    (method, inputs, batching) =>
      runInBatches(
        { model, preprocessing, trace, loadPictures },
        inputs,
        batching,
        task.methods[method]!.describe(prepared, batching),
      ),
    dispose,
  ) as ModelOf<Name, Input>;
}

/** Puts the model on its backend, and lets the task prepare what it needs of the checkpoint. */
async function load(task: AnyTask, read: ReadCheckpoint, options: ModelOptions) {
  const { backend: wanted = automatic, trace = false, imageSize } = options;
  const quantize = quantizationOf(options.dtype);
  // Opened before the checkpoint is read, so that a wrong name fails at once.
  const backend = typeof wanted === "string" ? await openBackend(wanted, options) : wanted;
  const disposeBackend = async () => {
    if (backend !== wanted) await backend.dispose();
  };
  try {
    const own = await read(options, task.needs);
    const checkpoint = imageSize === undefined ? own : atImageSize(own, imageSize);
    // The weights are not kept: the backend has a copy of what it needs.
    const { weights, ...settings } = checkpoint;
    const { config, preprocessing } = settings;
    const reduction = resolveReduction(checkpoint, options.reduction);
    checkPreprocessing(checkpoint);
    const prepared = task.prepare(settings, options);
    options.signal?.throwIfAborted();
    const model = await createVisionModel({
      config,
      weights,
      backend,
      quantize,
      reduction,
      outputs: { ...task.outputs(options), ...(trace && { source: "stages", scores: true }) },
    });
    announceNotices(backend.name, model.notices, options.progress_callback);
    // If this fails, nobody else can dispose the model.
    const verification = options.verify
      ? await verifyCheckpoint(model, { backend, checkpoint, reduction, quantize }).catch(async (error: unknown) => {
          await model.dispose();
          throw error;
        })
      : undefined;
    options.progress_callback?.({ status: "ready", task: task.name, model: checkpoint.name });
    const facts: ModelFacts = {
      model: checkpoint.name,
      backend: backend.name,
      dtype: options.dtype ?? defaultDtype,
      reduction,
      ...(verification && { verification }),
      tokens: model.tokens,
      patches: patchGrid(config),
      gmacs: { unreduced: modelCost(config).gmacs, reduced: modelCost(config, reduction).gmacs },
    };
    const dispose = async () => {
      await model.dispose();
      await disposeBackend();
    };
    return { model, preprocessing, prepared, facts, dispose };
  } catch (error) {
    await disposeBackend();
    throw error;
  }
}

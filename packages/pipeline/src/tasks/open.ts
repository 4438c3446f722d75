/** A checkpoint on a backend, as a model of a task. */
import { defaultDtype, patchGrid, quantizationOf } from "@ppt-vit/core";
import { loadedCode } from "@ppt-vit/core/backend";
import { loadModelCode, modelCost } from "@ppt-vit/core/loading";
import { openBackend } from "../backends/create.js";
import { automatic } from "../backends/registry.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { LoadOptions } from "../checkpoint/options.js";
import type { CheckpointNeeds } from "../checkpoint/parse.js";
import { resolveReduction } from "../checkpoint/reduction.js";
import { atImageSize, checkPreprocessing, sizeVaries } from "../checkpoint/resolution.js";
import type { Fetched, Pictures } from "../pictures/look-ahead.js";
import { runInBatches } from "./batches.js";
import { compileVerified, type Opened, type Wanted } from "./compile.js";
import { assembleModel } from "./model.js";
import type { ModelOptions } from "./options.js";
import { type ModelOf, type OptionsOf, type TaskName, taskNamed } from "./registry.js";
import { oneSize } from "./sized-models.js";
import { requireSuited } from "./suited.js";
import type { AnyTask, ModelFacts } from "./task.js";

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
  const { prepared, facts, dispose, ...loaded } = await load(task, read, options);
  const { trace = false } = options;
  return assembleModel<Input>(
    task,
    { ...facts, ...task.facts(prepared) },
    (method, inputs, batching) =>
      runInBatches(
        { ...loaded, trace, loadPictures },
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
    await loadModelCode(config, weights);
    const reduction = resolveReduction(checkpoint, options.reduction);
    const varies = sizeVaries(checkpoint);
    checkPreprocessing(checkpoint, varies);
    requireSuited(task, settings);
    const prepared = await prepareTask(task, checkpoint, settings, options);
    options.signal?.throwIfAborted();
    const outputs = { ...task.outputs(options), ...(trace && { source: "stages" as const, scores: true }) };
    const open = varies ? (await loadedCode(import(/* lazy */ "./open-many.js"))).openMany : openOne;
    const wanted = { checkpoint, backend, quantize, reduction, outputs };
    const { models, tokens, verification } = await open(wanted, options);
    options.progress_callback?.({ status: "ready", task: task.name, model: checkpoint.name });
    const facts: ModelFacts = {
      model: checkpoint.name,
      backend: backend.name,
      dtype: options.dtype ?? defaultDtype,
      reduction,
      ...(verification && { verification }),
      tokens,
      patches: patchGrid(config),
      gmacs: { unreduced: modelCost(config).gmacs, reduced: modelCost(config, reduction).gmacs },
    };
    const dispose = async () => {
      await models.dispose();
      await disposeBackend();
    };
    return { models, sizeVaries: varies, preprocessing, prepared, facts, dispose };
  } catch (error) {
    await disposeBackend();
    throw error;
  }
}

/**
 * What the task prepares. If it lacks something that the user would have to make, such as text embeddings, the weights are checked
 * first: with a tensor missing that work would be in vain.
 */
async function prepareTask(task: AnyTask, checkpoint: Checkpoint, settings: object, options: ModelOptions) {
  try {
    return task.prepare(settings as Parameters<AnyTask["prepare"]>[0], options);
  } catch (error) {
    const { requireWholeWeights } = await loadedCode(import(/* lazy */ "./whole-weights.js"));
    requireWholeWeights(checkpoint);
    throw error;
  }
}

/** The model of a checkpoint whose pictures all have one size. */
async function openOne(wanted: Wanted, options: ModelOptions): Promise<Opened> {
  const { model, verification } = await compileVerified(wanted, options);
  return { models: oneSize(model), tokens: model.tokens, verification };
}

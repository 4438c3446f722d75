/** A checkpoint on a backend, as a model of a task. */
import { createVisionModel, modelCost, patchGrid } from "@ppt-vit/core";
import { createBackend } from "../backends/backends.js";
import { selectBackend } from "../backends/select.js";
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

/** Brings a checkpoint from where it is. */
export type ReadCheckpoint = (options: LoadOptions, needs: CheckpointNeeds) => Promise<Checkpoint>;

/**
 * A model of the task that `options` name, from the checkpoint that `read` brings.
 * @throws PptError what `read` throws, INVALID_CONFIG, INVALID_OPTION, INVALID_WEIGHTS, INVALID_REDUCTION,
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

/** The model on its backend, and what the task prepared from the checkpoint. */
async function load(task: AnyTask, read: ReadCheckpoint, options: ModelOptions) {
  const { backend: wanted = "cpu", trace = false, imageSize } = options;
  // Before the checkpoint: a wrong name should not cost the loading of a model.
  const backend = typeof wanted === "string" ? await createBackend(await nameOfBackend(wanted)) : wanted;
  const disposeBackend = async () => {
    if (backend !== wanted) await backend.dispose();
  };
  try {
    const own = await read(options, task.needs);
    const checkpoint = imageSize === undefined ? own : atImageSize(own, imageSize);
    // A loaded model keeps no weights: the backend has what it needs of them, and they would lie in memory twice.
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
      reduction,
      outputs: { ...task.outputs(options), ...(trace && { source: "stages", scores: true }) },
    });
    // The caller's own backend would keep a model that nobody can dispose.
    const verification = options.verify
      ? await verifyCheckpoint(model, backend, checkpoint, reduction).catch(async (error: unknown) => {
          await model.dispose();
          throw error;
        })
      : undefined;
    options.progress_callback?.({ status: "ready", task: task.name, model: checkpoint.name });
    const facts: ModelFacts = {
      model: checkpoint.name,
      backend: backend.name,
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

const nameOfBackend = async (wanted: string) => (wanted === "auto" ? (await selectBackend()).backend : wanted);

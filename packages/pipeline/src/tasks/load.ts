/** A checkpoint on a backend: what all tasks do before their first picture. */
import {
  type Backend,
  createVisionModel,
  modelCost,
  type OutputOptions,
  patchGrid,
  type ReductionConfig,
} from "@ppt-vit/core";
import { createBackend } from "../backends/backends.js";
import { selectBackend } from "../backends/select.js";
import type { Checkpoint, CheckpointNeeds, LoadOptions, ProgressInfo } from "../checkpoint/checkpoint.js";
import { type ReductionSetting, resolveReduction } from "../checkpoint/reduction.js";
import { atImageSize, checkPreprocessing, type ImageSizeOption } from "../checkpoint/resolution.js";
import { type ModelVerification, verifyCheckpoint } from "../checkpoint/verify.js";
import type { Fetched, Pictures } from "../pictures/look-ahead.js";
import type { PictureModel } from "./batches.js";

/** Options of every task. */
export interface ModelOptions extends LoadOptions {
  /**
   * A name of `backendNames`; `auto` for the best that works here (`selectBackend` says which and why); or a backend of
   * your own, which stays yours to dispose. Default `cpu`.
   */
  readonly backend?: string | Backend;
  /**
   * Token reduction: settings, what is left out coming from the checkpoint's `reduction.json`, else from the published
   * setting; published settings by name (`deit-small-paper`); in Node also the path of a `reduction.json`. `false` runs the
   * unreduced model.
   */
  readonly reduction?: ReductionSetting;
  /**
   * Pictures of another size than the checkpoint's, in pixels: `384`, or `[height, width]`. Positions are interpolated as
   * the model's family does it, preprocessing follows, and shares and counts of the reduction apply to the tokens there
   * then are.
   */
  readonly imageSize?: ImageSizeOption | undefined;
  /**
   * Compare the logits of a known input before anything else is computed: some GPU drivers give wrong numbers without a
   * word. Takes one run of the model; where the checkpoint's `verification.json` has no logits for these settings also one
   * on the plain CPU backend. That backend itself can only be compared with recorded logits: `verification` says with what.
   */
  readonly verify?: boolean;
  /**
   * Follow every token: results say which patches each token holds after each stage, with its scores, and hold the pixels
   * that the model saw. Costs a readback for each stage.
   */
  readonly trace?: boolean;
}

/** What every task tells about its model. */
export interface ModelFacts {
  /** The checkpoint's name, as given. */
  readonly model: string;
  readonly backend: string;
  /** What is applied; undefined for the unreduced model. */
  readonly reduction: ReductionConfig | undefined;
  /** What `verify` found. */
  readonly verification?: ModelVerification;
  /** Tokens at the start and after each stage. */
  readonly tokens: readonly number[];
  /** Rows and columns of patches in a picture. */
  readonly patches: readonly [rows: number, columns: number];
  /** Multiply-accumulates of one image, 1e9. */
  readonly gmacs: { readonly unreduced: number; readonly reduced: number };
}

/** Brings a checkpoint from where it is. */
export type ReadCheckpoint = (options: LoadOptions, needs: CheckpointNeeds) => Promise<Checkpoint>;

/** What a task needs of its model. */
export interface TaskNeeds {
  readonly task: Extract<ProgressInfo, { status: "ready" }>["task"];
  readonly outputs?: OutputOptions;
  /** Refuses a checkpoint that the task cannot use, before its weights are put on the backend. */
  check?(checkpoint: Checkpoint): void;
}

export interface Loaded<Input, Encoded extends Fetched> extends PictureModel<Input, Encoded> {
  /** Without the weights: the backend has what it needs of them, and a model would otherwise lie in memory twice. */
  readonly checkpoint: Omit<Checkpoint, "weights">;
  readonly facts: ModelFacts;
  dispose(): Promise<void>;
}

/**
 * Loads the checkpoint that `read` brings.
 * @throws PptError what `read` and `check` throw, INVALID_CONFIG, INVALID_WEIGHTS, INVALID_REDUCTION, UNKNOWN_BACKEND,
 * BACKEND_UNAVAILABLE, VERIFICATION_FAILED
 */
export async function loadModel<Input, Encoded extends Fetched>(
  read: ReadCheckpoint,
  options: ModelOptions,
  loadPictures: () => Promise<Pictures<Input, Encoded>>,
  { task, outputs, check }: TaskNeeds,
): Promise<Loaded<Input, Encoded>> {
  const { backend: wanted = "cpu", trace = false } = options;
  // Before the checkpoint: a wrong name should not cost the loading of a model.
  const backend = typeof wanted === "string" ? await createBackend(await nameOfBackend(wanted)) : wanted;
  const disposeBackend = async () => {
    if (backend !== wanted) await backend.dispose();
  };
  try {
    const checkpoint = atImageSize(await read(options, { heads: task === "image-classification" }), options.imageSize);
    const { weights, ...settings } = checkpoint;
    const { config, preprocessing } = settings;
    const reduction = resolveReduction(checkpoint, options.reduction);
    checkPreprocessing(checkpoint);
    check?.(checkpoint);
    options.signal?.throwIfAborted();
    const model = await createVisionModel({
      config,
      weights,
      backend,
      reduction,
      outputs: { ...outputs, ...(trace && { source: "stages", scores: true }) },
    });
    // The caller's own backend would keep a model that nobody can dispose.
    const verification = options.verify
      ? await verifyCheckpoint(model, backend, checkpoint, reduction).catch(async (error: unknown) => {
          await model.dispose();
          throw error;
        })
      : undefined;
    options.progress_callback?.({ status: "ready", task, model: checkpoint.name });
    return {
      model,
      checkpoint: settings,
      preprocessing,
      trace,
      loadPictures,
      facts: {
        model: checkpoint.name,
        backend: backend.name,
        reduction,
        ...(verification && { verification }),
        tokens: model.tokens,
        patches: patchGrid(config),
        gmacs: { unreduced: modelCost(config).gmacs, reduced: modelCost(config, reduction).gmacs },
      },
      async dispose() {
        await model.dispose();
        await disposeBackend();
      },
    };
  } catch (error) {
    await disposeBackend();
    throw error;
  }
}

const nameOfBackend = async (wanted: string) => (wanted === "auto" ? (await selectBackend()).backend : wanted);

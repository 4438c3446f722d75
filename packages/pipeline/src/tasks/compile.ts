/** Puts a checkpoint's model on a backend. */
import type {
  Backend,
  OutputOptions,
  QuantizedDtypeName,
  ReductionConfig,
  VisionModel,
  VisionModelConfig,
} from "@ppt-vit/core";
import { loadedCode } from "@ppt-vit/core/backend";
import { createVisionModel } from "@ppt-vit/core/loading";
import { announceNotices } from "../backends/notice.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { ModelOptions } from "./options.js";
import type { SizedModels } from "./sized-models.js";
import type { ModelVerification } from "./verify.js";

/** What a model is made of. */
export interface Wanted {
  readonly checkpoint: Checkpoint;
  readonly backend: Backend;
  readonly quantize: QuantizedDtypeName | undefined;
  readonly reduction: ReductionConfig | undefined;
  readonly outputs: OutputOptions;
}

/** A checkpoint's models, and what they tell of themselves. */
export interface Opened {
  readonly models: SizedModels;
  /** As in `ModelFacts`. */
  readonly tokens: readonly number[];
  readonly verification?: ModelVerification | undefined;
}

/** The model for pictures of one size. */
export async function compile(
  { checkpoint, backend, ...settings }: Wanted,
  config: VisionModelConfig,
  { progress_callback: report }: ModelOptions,
): Promise<VisionModel> {
  const model = await createVisionModel({ config, weights: checkpoint.weights, backend, ...settings });
  announceNotices(backend.name, model.notices, report);
  return model;
}

/** A model of the checkpoint's own size, verified if the options ask for it. */
export async function compileVerified(wanted: Wanted, options: ModelOptions) {
  const model = await compile(wanted, wanted.checkpoint.config, options);
  try {
    if (!options.verify) return { model, verification: undefined };
    const { verifyCheckpoint } = await loadedCode(import(/* lazy */ "./verify.js"));
    return { model, verification: await verifyCheckpoint(model, wanted) };
  } catch (error) {
    // Nobody else can dispose it.
    await model.dispose();
    throw error;
  }
}

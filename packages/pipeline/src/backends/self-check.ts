/** A small known model that a backend must compute correctly before it is chosen. */
import {
  type Backend,
  createVisionModel,
  parseModelConfig,
  type ReductionConfig,
  randomWeights,
  type Verification,
  verifyModel,
  weightsFrom,
} from "@ppt-vit/core";
import { tolerances } from "./tolerances.js";

/** 48 x 48 pixels, 37 tokens: small enough to compile its shaders quickly, and every step of a reduction occurs in it. */
const config = parseModelConfig({
  model_type: "vit",
  hidden_size: 48,
  num_hidden_layers: 3,
  num_attention_heads: 3,
  intermediate_size: 96,
  image_size: 48,
  patch_size: 8,
  num_labels: 6,
  layer_norm_eps: 1e-6,
});

/** The first stage prunes and the second pools. Both variances are far from the threshold, so rounding changes neither. */
const reduction: ReductionConfig = { layers: [0, 1], tokensRemoved: 8, threshold: { scaleFree: 3 } };

const weightSeed = 1;
/** Seed of the input picture. */
const seed = 7;

/** The logits that the plain CPU backend computes. */
const recorded: readonly number[] = [2.474756, 2.080417, -0.214853, -0.624456, 3.693042, -0.717081];

/** Opens the model of the check. */
export const openSelfCheck = (backend: Backend) =>
  createVisionModel({
    config,
    weights: weightsFrom(randomWeights(config, weightSeed)),
    backend,
    reduction,
  });

/** Runs the model and compares its logits with the recorded ones. @throws PptError VERIFICATION_FAILED if they differ */
export async function checkBackend(backend: Backend): Promise<Verification> {
  const model = await openSelfCheck(backend);
  try {
    const record = { seed, reduction, logits: recorded };
    return await verifyModel(model, record, tolerances[backend.capabilities.precision]);
  } finally {
    await model.dispose();
  }
}

/** A small known model that a backend must compute correctly before it is chosen. */

import {
  type Backend,
  isPptError,
  PptError,
  type QuantizedDtypeName,
  type ReductionConfig,
  type Verification,
  weightsFrom,
} from "@ppt-vit/core";
import { createVisionModel, loadConfigReader } from "@ppt-vit/core/loading";
import { randomWeights, recordVerification, verifyModel } from "@ppt-vit/core/on-demand";
import { tolerances } from "./tolerances.js";

/** 48 x 48 pixels, 37 tokens: small enough to compile its shaders quickly, and every step of a reduction occurs in it. */
const configFile = {
  model_type: "vit",
  hidden_size: 48,
  num_hidden_layers: 3,
  num_attention_heads: 3,
  intermediate_size: 96,
  image_size: 48,
  patch_size: 8,
  num_labels: 6,
  layer_norm_eps: 1e-6,
};
const readConfig = async () => (await loadConfigReader(configFile)).parseModelConfig();

/** The first stage prunes and the second pools. Both variances are far from the threshold, so rounding changes neither. */
const reduction: ReductionConfig = { layers: [0, 1], tokensRemoved: 8, threshold: { scaleFree: 3 } };

const weightSeed = 1;
/** Seed of the input picture. */
const seed = 7;

/** The logits that the plain CPU backend computes. */
const recorded: readonly number[] = [2.474756, 2.080417, -0.214853, -0.624456, 3.693042, -0.717081];

/** Opens the model of the check. */
export async function openSelfCheck(backend: Backend) {
  const config = await readConfig();
  return createVisionModel({ config, weights: weightsFrom(randomWeights(config, weightSeed)), backend, reduction });
}

/**
 * Runs the model and compares its logits with the recorded ones. With `quantize` it also compares the model with quantised
 * weights with the model that has their floats as weights.
 * @throws PptError VERIFICATION_FAILED if they differ
 */
export async function checkBackend(backend: Backend, quantize?: QuantizedDtypeName): Promise<Verification> {
  const verification = await checkFloats(backend);
  if (quantize) await checkQuantized(backend, quantize);
  return verification;
}

async function checkFloats(backend: Backend): Promise<Verification> {
  const model = await openSelfCheck(backend);
  try {
    const record = { seed, reduction, logits: recorded };
    return await verifyModel(model, record, tolerances[backend.capabilities.precision]);
  } finally {
    await model.dispose();
  }
}

/**
 * The model of this check has one block, because random weights amplify what activations lose in 8 bits: one block gives 2 % of
 * the largest logit, three give 12 %. Both models run unreduced: a small difference of scores could change which tokens merge.
 */
async function checkQuantized(backend: Backend, quantize: QuantizedDtypeName): Promise<void> {
  const oneBlock = { ...(await readConfig()), layers: 1 };
  const given = { config: oneBlock, weights: weightsFrom(randomWeights(oneBlock, weightSeed)), backend };
  const floats = await createVisionModel({ ...given, backend: ofFloats(backend), quantize });
  try {
    const record = await recordVerification(floats, undefined);
    const model = await createVisionModel({ ...given, quantize });
    try {
      await verifyModel(model, record, tolerances.reduced);
    } catch (error) {
      if (!isPptError(error) || error.code !== "VERIFICATION_FAILED") throw error;
      throw new PptError(error.code, `${quantize} weights: ${error.message}`, { cause: error });
    } finally {
      await model.dispose();
    }
  } finally {
    await floats.dispose();
  }
}

/** The backend, which is given the floats of quantised weights. */
const ofFloats = (backend: Backend): Backend => ({
  specVersion: backend.specVersion,
  name: backend.name,
  capabilities: backend.capabilities,
  compile: (program, options) =>
    backend.compile(program, {
      ...options,
      params: Object.fromEntries(
        Object.entries(options.params).map(([name, { shape, data }]) => [name, { shape, data }]),
      ),
    }),
  dispose: () => backend.dispose(),
});

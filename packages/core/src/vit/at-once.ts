/** Functions that answer at once for any model, and so bring the code of all: of each, what it is and does where that code is here. */
import * as costs from "../cost.js";
import * as fingerprint from "../fingerprint.js";
import type { ResolvedReduction } from "../reduction/schedule.js";
import type { ReductionConfig } from "../reduction/settings.js";
import type { HostTensor, Shape, Tensors } from "../seam.js";
import type { WeightDtypeName } from "../weight-dtypes/index.js";
import type { VisionModelConfig } from "./config.js";
import * as family from "./find-family.js";
import * as model from "./model.js";
import { knowOtherModels } from "./model-code.js";
import * as otherModels from "./other-models.js";
import * as random from "./random-weights.js";
import type { WeightSource } from "./stored-names.js";
import * as stored from "./stored-parameters.js";
import * as bytes from "./weight-bytes.js";
import * as parameters from "./weights.js";

/**
 * Cost of one image. PPT acts between attention and MLP (section 3.1), so the MLP of a reducing block already sees
 * fewer tokens.
 * @throws PptError INVALID_REDUCTION, INVALID_INPUT
 */
export function modelCost(config: VisionModelConfig, reduction?: ReductionConfig | ResolvedReduction): costs.ModelCost {
  knowOtherModels(otherModels);
  return costs.modelCost(config, reduction);
}

/**
 * Sixteen hexadecimal digits that tell checkpoints apart. They do not protect against forgery. They are an FNV-1a hash of the
 * shapes and a sample of the values of all parameters. Positions are left out, because they depend on the resolution. The
 * same weights in another precision have another fingerprint.
 * @throws PptError INVALID_WEIGHTS, INVALID_INPUT
 */
export function modelFingerprint(config: VisionModelConfig, weights: WeightSource): string {
  knowOtherModels(otherModels);
  return fingerprint.modelFingerprint(config, weights);
}

/**
 * Builds a model's program, and checks all settings and weights.
 * @throws PptError INVALID_OPTION, INVALID_REDUCTION, INVALID_WEIGHTS; INVALID_CONFIG if the image size does not fit
 */
export function prepareVisionProgram(options: Omit<model.VisionModelOptions, "backend">): model.VisionProgram {
  knowOtherModels(otherModels);
  return model.prepareVisionProgram(options);
}

/**
 * All parameters of the program, by its own names: `stem.*`, `patchEmbedding.{weight,bias}`, `positions [N, C]` with the
 * special tokens already added to their rows, `inputNorm.*`,
 * `blocks.i.{norm1,query,key,value,output,norm2,gate,fc1,mlpNorm,fc2}.{weight,bias}`, `norm.*`, `head.*`, `distillationHead.*`,
 * `denseHead.*`, `projection.weight`, `attentionPool.query` [1, 1, C] (the probe's query) and
 * `attentionPool.{key,value,output,norm2,fc1,fc2}.{weight,bias}`. `depth.*` are those of depth/layers.ts. Parts that the model lacks are left out. Layer scale and the divisor of residuals are
 * folded into `output` and `fc2`: x + s (W y + b) = x + (s W) y + s b.
 * @throws PptError INVALID_WEIGHTS, naming the tensor that is missing, has another shape, is not finite or is left unread
 */
export function readParameters(
  weights: WeightSource,
  config: VisionModelConfig,
  options?: parameters.ReadOptions,
): Record<string, HostTensor> {
  knowOtherModels(otherModels);
  return parameters.readParameters(weights, config, options);
}

/** Whether the weights hold the classifier that the config describes. True if the config describes none. */
export function headsFit(weights: WeightSource, config: VisionModelConfig): boolean {
  knowOtherModels(otherModels);
  return parameters.headsFit(weights, config);
}

/**
 * The tensors of the checkpoint, by their stored names, with new values for parameters of the program. Only tensors in which a
 * parameter lies are returned. `readParameters` of a checkpoint with these tensors gives the parameters again. Layer scale stays
 * as it is stored: x + s (W y + b) has W = (s W) / s. Rows whose factor is 0 keep their stored values, which have no effect.
 * @throws PptError INVALID_WEIGHTS; INVALID_INPUT for a parameter without a place
 */
export function storedParameters(
  weights: WeightSource,
  config: VisionModelConfig,
  changed: Tensors<HostTensor>,
): Record<string, HostTensor> {
  knowOtherModels(otherModels);
  return stored.storedParameters(weights, config, changed);
}

/** Every tensor of a model with its shape. The names are those of timm; those of a stem are its authors'. */
export function weightShapes(config: VisionModelConfig): Record<string, Shape> {
  knowOtherModels(otherModels);
  return random.weightShapes(config);
}

/** Random weights under the names of `weightShapes`, large enough that attention is far from uniform. */
export function randomWeights(config: VisionModelConfig, seed: number): Record<string, HostTensor> {
  knowOtherModels(otherModels);
  return random.randomWeights(config, seed);
}

/**
 * Bytes of all weights, biases and tables in this precision. A backend without kernels for integers holds their floats
 * instead, as many as `fp32` has.
 * @throws PptError INVALID_INPUT, INVALID_OPTION
 */
export function weightBytes(config: VisionModelConfig, dtype: WeightDtypeName): number {
  knowOtherModels(otherModels);
  return bytes.weightBytes(config, dtype);
}

/**
 * Whether transformers.js builds the same network from this `config.json`. For other files it would build a plain ViT, or
 * fail.
 * @throws PptError INVALID_CONFIG if `json` is not an object
 */
export function isKnownToTransformersJs(json: unknown): boolean {
  knowOtherModels(otherModels);
  return family.isKnownToTransformersJs(json);
}

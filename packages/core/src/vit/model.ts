/** A Vision Transformer that is ready to run: its weights are on a backend, and its reduction is built in. */

import { configCheck, imageSizeCheck, weightsCheck } from "../arguments.js";
import { counted } from "../counted.js";
import { PptError } from "../errors.js";
import { hostTensor } from "../host-tensor.js";
import {
  backendCheck,
  type Checks,
  callback,
  checkArgument,
  checkOptions,
  flag,
  found,
  object,
  oneOf,
  shaped,
} from "../options.js";
import type { Action } from "../reduction/policy.js";
import type { ResolvedReduction, ResolvedStage } from "../reduction/schedule.js";
import type { ReductionConfig } from "../reduction/settings.js";
import type { Backend, CompileOptions, HostTensor, Program, Tensors } from "../seam.js";
import { type QuantizedDtypeName, quantizedDtypeNames } from "../weight-dtypes/index.js";
import { tokenCount, type VisionModelConfig, withImageSize } from "./config.js";
import { loadModelCode } from "./load-model-code.js";
import { loadOtherModels } from "./model-code.js";
import { resolveFor } from "./plan.js";
import { type OutputOptions, visionProgram } from "./program.js";
import type { WeightSource } from "./stored-names.js";
import { readParameters } from "./weights.js";

/** What `createVisionModel` needs: a configuration, weights and a backend, and optionally a reduction. */
export interface VisionModelOptions {
  /** As `parseModelConfig` returns it. */
  readonly config: VisionModelConfig;
  /** [height, width] in pixels. Default: the config's. For another size positions are interpolated, see `withImageSize`. */
  readonly imageSize?: readonly [number, number] | undefined;
  /** As `parseSafetensors` or `weightsFrom` returns them. */
  readonly weights: WeightSource;
  /** The caller owns it: disposing the model leaves the backend open. */
  readonly backend: Backend;
  /**
   * `q8` takes the weights of linear layers as 8-bit integers, `q4` mostly as 4-bit integers
   * (docs/decisions/0020-quantised-weights.md). A backend with kernels for integers computes with them; every other backend
   * computes with their floats. Default: as they are stored.
   */
  readonly quantize?: QuantizedDtypeName | undefined;
  /** Default: none, so the model runs unreduced. */
  readonly reduction?: ReductionConfig | ResolvedReduction | undefined;
  /** Default: no outputs besides logits or embedding. */
  readonly outputs?: OutputOptions | undefined;
}

/** A batch of pictures for a model. */
export interface VisionInput {
  /** [B, channels, H, W], normalised, row-major. */
  readonly pixelValues: Float32Array;
  /** B, at least 1. */
  readonly batch: number;
}

/** What one stage did to each image of the batch. */
export interface StageReport {
  /** Number of the block, from 0. */
  readonly layer: number;
  /** Number of tokens that entered the stage, special tokens included. */
  readonly tokensIn: number;
  /** Number of tokens that left it. */
  readonly tokensOut: number;
  /** [B], the action on each image. */
  readonly policies: readonly Action[];
  /** Whether the policy decides about each image. If not, all images of all batches share one action. */
  readonly byImage: boolean;
  /** [B], unbiased variance of the significance scores. */
  readonly variances: Float32Array;
  /** [B, tokensIn - special tokens], the significance of each token. Present if asked for. */
  readonly scores?: HostTensor;
  /** [B, tokensOut, N0], 1 if token i contains input token j after this stage, else 0. Present if asked for. */
  readonly source?: HostTensor;
}

/** What a run gives for a batch. B is the batch, N' the tokens of the output, N0 those of the input, C the width. */
export interface VisionOutput {
  /** [B, labels]. Empty if the model has no classifier. */
  readonly logits: HostTensor;
  /**
   * [B, C], or [B, projection] if the model projects it: what a head would read. Present if there is neither a classifier nor a
   * depth head.
   */
  readonly embedding?: HostTensor;
  /** [B, H, W], the depth of each pixel: `config.depth` says in which unit. Present if the model has a depth head. */
  readonly predictedDepth?: HostTensor;
  /** In the order of the blocks. Empty without a reduction. */
  readonly stages: readonly StageReport[];
  /**
   * [B, N'], the number of input tokens that each remaining token stands for. Without proportional attention every stage
   * starts from sizes of 1, so sizes count only what the last stage merged.
   */
  readonly size: HostTensor;
  /** [B, N', C] after the final norm, or before it if the head's norm follows its mean. Present if asked for. */
  readonly lastHiddenState?: HostTensor;
  /** [B, N', N0], 1 if output token i contains input token j, else 0. Present if asked for. */
  readonly source?: HostTensor;
  /** [B, C] after the final norm. Present if asked for and the model has a class token. */
  readonly classToken?: HostTensor;
  /**
   * [B, C], the mean of the patch tokens after the final norm. With proportional attention it is weighted by size. If the
   * head applies its norm after its mean, so does this output. Present if asked for.
   */
  readonly meanToken?: HostTensor;
  /** [B, C], the mean of class and distillation token after the final norm. Present if asked for and the model has both. */
  readonly distilledToken?: HostTensor;
  /** [B, C], what the head's probe gathers, with the head's MLP. Present if asked for and the head pools by attention. */
  readonly attentionToken?: HostTensor;
  /**
   * [B, patches, C], like `lastHiddenState`, but with a row for every patch: the value of the token that contains the patch. A
   * pruned patch keeps the value that its token had before the stage that pruned it. Present if asked for.
   */
  readonly denseFeatures?: HostTensor;
}

/** A model on a backend, ready to run. */
export interface VisionModel {
  /** The given config, with the image size that was asked for. */
  readonly config: VisionModelConfig;
  /** Number of tokens that enter the first block, then number that leave each stage, such as 197, 147, 97, 49. */
  readonly tokens: readonly number[];
  /** What the backend tells about this model, in sentences: such as that integers are wrong on this device. Usually nothing. */
  readonly notices: readonly string[];
  /**
   * Runs the model on a batch of images. Concurrent calls wait in a queue.
   * @throws PptError INVALID_INPUT if the pixels do not fit or are not finite; DISPOSED after `dispose`
   */
  run(input: VisionInput): Promise<VisionOutput>;
  /** Releases the model's parameters and buffers. The backend stays open. A second call does nothing. */
  dispose(): Promise<void>;
}

/** A model's program and parameters. Backends compile it, and tools export it. */
export interface VisionProgram extends CompileOptions {
  /** The given config, with the image size that was asked for. */
  readonly config: VisionModelConfig;
  /** pixel_values [B, channels, H, W] -> logits or embedding, and the other outputs that `visionProgram` lists. */
  readonly program: Program;
  /** The reduction, resolved for this model. It has no stages if the model runs unreduced. */
  readonly plan: ResolvedReduction;
}

const programChecks: Checks<Omit<VisionModelOptions, "backend">> = {
  config: configCheck,
  imageSize: imageSizeCheck,
  weights: weightsCheck,
  quantize: oneOf(quantizedDtypeNames),
  reduction: object,
  outputs: object,
};
const misnamed = {
  device: "pass a backend that runs on it, as createOnnxBackend({ device }) makes it",
  dtype: `for half precision pass a backend that computes in it, as createOnnxBackend({ dtype: 'fp16' }) makes it; for weights as integers write quantize: ${quantizedDtypeNames.map((name) => `'${name}'`).join(" or ")}`,
};
const outputChecks: Checks<OutputOptions> = {
  lastHiddenState: flag,
  source: oneOf([true, false, "stages"]),
  scores: flag,
  pooled: flag,
  denseFeatures: flag,
};
const executableCheck = shaped("an executable { run, dispose }", { run: callback.holds, dispose: callback.holds });
const inputCheck = shaped("{ pixelValues: Float32Array, batch }", {
  pixelValues: (value) => value instanceof Float32Array,
});

/** `prepareVisionProgram`, for models whose code is here: see at-once.ts. */
export function prepareVisionProgram(options: Omit<VisionModelOptions, "backend">): VisionProgram {
  return prepare("prepareVisionProgram", options);
}

function prepare(where: string, options: Omit<VisionModelOptions, "backend">): VisionProgram {
  const {
    imageSize,
    weights,
    quantize,
    reduction,
    outputs = {},
    ...given
  } = checkOptions(where, options, programChecks, {
    required: ["config", "weights"],
    misnamed,
  });
  const config = imageSize ? withImageSize(given.config, imageSize) : given.config;
  checkOptions(`${where}: outputs`, outputs, outputChecks);
  const plan = resolveFor(config, reduction);
  // Weights are read first: a config with absurd sizes fails here, before the program makes tables of N x N tokens.
  const params = readParameters(weights, config, { quantize });
  return {
    config,
    program: visionProgram(config, plan, outputs),
    plan,
    params,
    inputs: { pixel_values: [-1, config.channels, ...config.imageSize] },
  };
}

/**
 * Builds a model's program, checks all settings and weights, and compiles both on the backend.
 * @throws PptError INVALID_OPTION, INVALID_REDUCTION, INVALID_WEIGHTS; INVALID_CONFIG if the image size does not fit; whatever
 * the backend's `compile` throws
 */
export async function createVisionModel(options: VisionModelOptions): Promise<VisionModel> {
  const where = "createVisionModel";
  const { backend, ...given } = checkOptions(
    where,
    options,
    { ...programChecks, backend: backendCheck },
    {
      required: ["config", "weights", "backend"],
      misnamed,
    },
  );
  const { outputs = {} } = given;
  if (given.imageSize) await loadOtherModels();
  else await loadModelCode(given.config, given.weights);
  const { config, program, plan, ...compileOptions } = prepare(where, given);
  const executable = await backend.compile(program, compileOptions);
  checkArgument(`backend '${backend.name}'`, "what compile() gave", executable, executableCheck, "INVALID_OPTION");
  const N0 = tokenCount(config);
  const imageShape = [config.channels, ...config.imageSize];
  const imageLength = imageShape.reduce((product, n) => product * n);

  return {
    config,
    tokens: [N0, ...plan.stages.map((stage) => stage.tokensOut)],
    notices: executable.notices ?? [],

    async run(input) {
      checkArgument("run", "input", input, inputCheck);
      const { pixelValues, batch } = input;
      if (!Number.isInteger(batch) || batch < 1)
        throw new PptError("INVALID_INPUT", `run: batch must be a whole number of at least 1, got ${found(batch)}`);
      if (pixelValues.length !== batch * imageLength)
        throw new PptError(
          "INVALID_INPUT",
          `run: pixelValues has ${counted(pixelValues.length, "value")}; ${counted(batch, "image")} of [${imageShape}] would take ${batch * imageLength}`,
        );
      const bad = firstNonFinite(pixelValues);
      if (bad >= 0) throw new PptError("INVALID_INPUT", `run: pixelValues holds ${pixelValues[bad]} at element ${bad}`);

      const results = await executable.run({ pixel_values: { shape: [batch, ...imageShape], data: pixelValues } });
      const { embedding, last_hidden_state: lastHiddenState, class_token: classToken } = results;
      const { mean_token: meanToken, distilled_token: distilledToken, dense_features: denseFeatures } = results;
      const { attention_token: attentionToken, predicted_depth: predictedDepth } = results;
      const stages = plan.stages.map((stage, index) => stageReport(stage, `stages.${index}`, results, batch));
      const source = outputs.source ? (results.source ?? stages.at(-1)?.source ?? identityMaps(batch, N0)) : undefined;
      return {
        logits: results.logits ?? { shape: [batch, 0], data: new Float32Array() },
        ...(embedding && { embedding }),
        ...(predictedDepth && { predictedDepth }),
        stages,
        size: results.size ?? hostTensor([batch, N0], () => 1),
        ...(lastHiddenState && { lastHiddenState }),
        ...(source && { source }),
        ...(classToken && { classToken }),
        ...(meanToken && { meanToken }),
        ...(distilledToken && { distilledToken }),
        ...(attentionToken && { attentionToken }),
        ...(denseFeatures && { denseFeatures }),
      };
    },

    dispose: () => executable.dispose(),
  };
}

function stageReport(stage: ResolvedStage, prefix: string, results: Tensors<HostTensor>, batch: number): StageReport {
  const { layer, tokensIn, tokensOut, action } = stage;
  const scores = results[`${prefix}.scores`];
  const source = results[`${prefix}.source`];
  const pooled = results[`${prefix}.pooled`]?.data;
  const actionOn = (image: number): Action => {
    if (action !== "byImage") return action;
    return pooled![image] === 1 ? "pool" : "prune";
  };
  return {
    layer,
    tokensIn,
    tokensOut,
    policies: Array.from({ length: batch }, (_, image) => actionOn(image)),
    byImage: action === "byImage",
    variances: results[`${prefix}.variance`]!.data,
    ...(scores && { scores }),
    ...(source && { source }),
  };
}

/** [B, N, N], the source maps of an unreduced model: each token contains itself. */
const identityMaps = (B: number, N: number): HostTensor =>
  hostTensor([B, N, N], (i) => ((i % (N * N)) % (N + 1) === 0 ? 1 : 0));

function firstNonFinite(data: Float32Array): number {
  // 0 times what is not finite is NaN, and one of these sums, too. It takes a third of the time of a question for each number.
  let [even, odd] = [0, 0];
  for (let i = 0; i + 1 < data.length; i += 2) {
    even += data[i]! * 0;
    odd += data[i + 1]! * 0;
  }
  if (even + odd + (data.at(-1) ?? 0) * 0 === 0) return -1;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i]!)) return i;
  return -1;
}

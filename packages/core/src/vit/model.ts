/** A Vision Transformer that is ready to run: its weights are on a backend, and its settings reduce tokens. */

import { configCheck, imageSizeCheck, weightsCheck } from "../arguments.js";
import { hostTensor } from "../composites.js";
import { PptError } from "../errors.js";
import {
  backendCheck,
  type Checks,
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
import { tokenCount, type VisionModelConfig, withImageSize } from "./config.js";
import { resolveFor } from "./plan.js";
import { type OutputOptions, visionProgram } from "./program.js";
import type { WeightSource } from "./stored-names.js";
import { readParameters } from "./weights.js";

export interface VisionModelOptions {
  readonly config: VisionModelConfig;
  /** [height, width] in pixels. Default: the config's. Positions are interpolated to another size, see `withImageSize`. */
  readonly imageSize?: readonly [number, number] | undefined;
  readonly weights: WeightSource;
  /** Belongs to the caller: disposing the model leaves the backend open. */
  readonly backend: Backend;
  /** Leave out to run the unreduced model. */
  readonly reduction?: ReductionConfig | ResolvedReduction | undefined;
  readonly outputs?: OutputOptions;
}

export interface VisionInput {
  /** [B, channels, H, W], normalised, row-major. */
  readonly pixelValues: Float32Array;
  /** B, at least 1. */
  readonly batch: number;
}

/** What one reducing block did to each image of the batch. */
export interface StageReport {
  readonly layer: number;
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** What happened to each image. */
  readonly policies: readonly Action[];
  /** [B], unbiased variance of the significance scores. */
  readonly variances: Float32Array;
  /** [B, tokensIn - special tokens], if asked for. */
  readonly scores?: HostTensor;
  /** [B, tokensOut, N0], 1 if token i contains input token j after this stage, else 0. Present if asked for. */
  readonly source?: HostTensor;
}

export interface VisionOutput {
  /** [B, labels]. Empty if the model has no classifier. */
  readonly logits: HostTensor;
  /** [B, C], what a head would read, or [B, projection] if the model projects it. Only if the model has no classifier. */
  readonly embedding?: HostTensor;
  readonly stages: readonly StageReport[];
  /**
   * [B, N'], the number of input tokens that each remaining token stands for. Without proportional attention sizes start at 1
   * again in every stage, so they count what the last stage merged.
   */
  readonly size: HostTensor;
  /** [B, N', C] after the final norm, or before it if the head's norm follows its mean. Present if asked for. */
  readonly lastHiddenState?: HostTensor;
  /** [B, N', N0], 1 if output token i contains input token j, else 0. Present if asked for. */
  readonly source?: HostTensor;
  /** [B, C] after the final norm. Present if asked for and the model has a class token. */
  readonly classToken?: HostTensor;
  /**
   * [B, C], the mean of the patch tokens after the final norm, weighted by size, or evenly without proportional attention. If
   * the head's norm follows its mean, it follows this one too. Present if asked for.
   */
  readonly meanToken?: HostTensor;
  /** [B, C], the mean of class and distillation token after the final norm. Present if asked for and the model has both. */
  readonly distilledToken?: HostTensor;
  /**
   * [B, patches, C], as `lastHiddenState` but with a row for every patch: the value of the token that contains the patch. A
   * pruned patch has the last value of its token, from before the stage that pruned it. Present if asked for.
   */
  readonly denseFeatures?: HostTensor;
}

export interface VisionModel {
  readonly config: VisionModelConfig;
  /** Tokens that enter the first block and that leave each stage: 197, 147, 97, 49. */
  readonly tokens: readonly number[];
  /** @throws PptError INVALID_INPUT if the pixels do not fit, DISPOSED after dispose */
  run(input: VisionInput): Promise<VisionOutput>;
  dispose(): Promise<void>;
}

/** A model's program with its parameters. Backends compile it and tools export it. */
export interface VisionProgram extends CompileOptions {
  /** The given config, with the image size asked for. */
  readonly config: VisionModelConfig;
  /** pixel_values [B, channels, H, W] -> logits or embedding, and the other outputs that `visionProgram` lists. */
  readonly program: Program;
  readonly plan: ResolvedReduction;
}

const programChecks: Checks<Omit<VisionModelOptions, "backend">> = {
  config: configCheck,
  imageSize: imageSizeCheck,
  weights: weightsCheck,
  reduction: object,
  outputs: object,
};
const misnamed = {
  device: "pass a backend that runs on it, as createOnnxBackend({ device }) makes it",
  dtype: "pass a backend that computes in it, as createOnnxBackend({ dtype: 'fp16' }) makes it",
};
const outputChecks: Checks<OutputOptions> = {
  lastHiddenState: flag,
  source: oneOf([true, false, "stages"]),
  scores: flag,
  pooled: flag,
  denseFeatures: flag,
};
const inputCheck = shaped("{ pixelValues: Float32Array, batch }", {
  pixelValues: (value) => value instanceof Float32Array,
});

/**
 * Checks the settings and every weight, and builds the program.
 * @throws PptError INVALID_OPTION, INVALID_CONFIG if the image size does not fit, INVALID_REDUCTION, INVALID_WEIGHTS
 */
export function prepareVisionProgram(options: Omit<VisionModelOptions, "backend">): VisionProgram {
  return prepare("prepareVisionProgram", options);
}

function prepare(where: string, options: Omit<VisionModelOptions, "backend">): VisionProgram {
  const {
    imageSize,
    weights,
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
  if (plan.stages.length > 0 && config.classToken === false)
    throw new PptError(
      "INVALID_REDUCTION",
      "reduction: this model has no class token, whose attention tells which tokens matter: run it without a reduction",
    );
  // Weights come first. They refuse a config that claims too much, before the program's tables grow with its square.
  const params = readParameters(weights, config);
  return {
    config,
    program: visionProgram(config, plan, outputs),
    plan,
    params,
    inputs: { pixel_values: [-1, config.channels, ...config.imageSize] },
  };
}

/**
 * Builds the model's program, checks every weight, and puts both on the backend.
 * @throws PptError INVALID_CONFIG if the image size does not fit, INVALID_REDUCTION, INVALID_WEIGHTS
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
  const { config, program, plan, ...compileOptions } = prepare(where, given);
  const executable = await backend.compile(program, compileOptions);
  const N0 = tokenCount(config);
  const imageShape = [config.channels, ...config.imageSize];
  const imageLength = imageShape.reduce((product, n) => product * n);

  return {
    config,
    tokens: [N0, ...plan.stages.map((stage) => stage.tokensOut)],

    async run(input) {
      checkArgument("run", "input", input, inputCheck);
      const { pixelValues, batch } = input;
      if (!Number.isInteger(batch) || batch < 1)
        throw new PptError("INVALID_INPUT", `run: batch must be a whole number of at least 1, got ${found(batch)}`);
      if (pixelValues.length !== batch * imageLength)
        throw new PptError(
          "INVALID_INPUT",
          `run: pixelValues has ${pixelValues.length} values, ${batch} image(s) of [${imageShape}] have ${batch * imageLength}`,
        );
      const bad = firstNonFinite(pixelValues);
      if (bad >= 0) throw new PptError("INVALID_INPUT", `run: pixelValues holds ${pixelValues[bad]} at element ${bad}`);

      const results = await executable.run({ pixel_values: { shape: [batch, ...imageShape], data: pixelValues } });
      const { embedding, last_hidden_state: lastHiddenState, class_token: classToken } = results;
      const { mean_token: meanToken, distilled_token: distilledToken, dense_features: denseFeatures } = results;
      const stages = plan.stages.map((stage, index) => stageReport(stage, `stages.${index}`, results, batch));
      const source = outputs.source ? (results.source ?? stages.at(-1)?.source ?? identityMaps(batch, N0)) : undefined;
      return {
        logits: results.logits ?? { shape: [batch, 0], data: new Float32Array() },
        ...(embedding && { embedding }),
        stages,
        size: results.size ?? hostTensor([batch, N0], () => 1),
        ...(lastHiddenState && { lastHiddenState }),
        ...(source && { source }),
        ...(classToken && { classToken }),
        ...(meanToken && { meanToken }),
        ...(distilledToken && { distilledToken }),
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
    variances: results[`${prefix}.variance`]!.data,
    ...(scores && { scores }),
    ...(source && { source }),
  };
}

/** [B, N, N]: each token is its own source. */
const identityMaps = (B: number, N: number): HostTensor =>
  hostTensor([B, N, N], (i) => ((i % (N * N)) % (N + 1) === 0 ? 1 : 0));

function firstNonFinite(data: Float32Array): number {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i]!)) return i;
  return -1;
}

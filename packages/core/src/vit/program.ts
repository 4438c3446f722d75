/** The Vision Transformer as a program, with token reduction between attention and MLP (paper, figure 2). */

import { hostTensor } from "../host-tensor.js";
import { reductionStage } from "../reduction/compress.js";
import { type Traced, traced, valuesOf } from "../reduction/restore.js";
import type { ResolvedReduction } from "../reduction/schedule.js";
import type { Ops, Program, Rotation, Tensor, Tensors } from "../seam.js";
import { attentionScaleOf, specialTokens, tokenCount, type VisionModelConfig } from "./config.js";
import type { StageFeatures } from "./depth/head.js";
import { otherModels } from "./model-code.js";
import { parametersOf } from "./parameters.js";
import { embedPatches } from "./stem.js";

/**
 * What a model returns besides the logits. Default: nothing. Each output is read back to the host. All but `source` and
 * `scores` need every token of the last block, which is otherwise computed only as far as the head reads it.
 */
export interface OutputOptions {
  /** Tokens after the last block and the final norm, which CLIP leaves out here (`hiddenStateBeforeNorm`). */
  readonly lastHiddenState?: boolean | undefined;
  /** Which input tokens each output token contains. `true` reports it at the end, `"stages"` after every stage. */
  readonly source?: boolean | "stages" | undefined;
  /** The significance scores of each stage. */
  readonly scores?: boolean | undefined;
  /**
   * The class token, the mean of the patch tokens, the mean of class and distillation token, and what an attention-pooling head
   * gathers, if the model has them.
   */
  readonly pooled?: boolean | undefined;
  /** A vector for every patch, even if its token was pruned or merged. */
  readonly denseFeatures?: boolean | undefined;
}

/** Parameters of one block. Their full names start with `blocks.i.`. */
type BlockParameters<T> = Readonly<Record<string, T>>;

/** What one block hands to the next. */
interface State<T extends Tensor> {
  /** [B, N, C]. After the last block of a classifier, possibly only the rows that the head reads. */
  readonly x: T;
  /** [B, N, 1]. Undefined before the first stage, where every token stands for one patch. */
  readonly size?: T | undefined;
  /** [B or 1, N, N0], 1 where token i contains input token j. Undefined if no output needs it. */
  readonly source?: T | undefined;
  /** [B or 1, N, 2], where tokens lie in the picture. Undefined without rotary positions. */
  readonly coordinates?: T | undefined;
  /** What `coordinates` turn queries and keys by. */
  readonly rotation?: Rotation<T> | undefined;
  /** Where each input token is. Undefined unless every patch is restored. */
  readonly places?: Traced<T> | undefined;
}

/**
 * The program of a model: pixel_values [B, channels, H, W] -> logits [B, labels], or embedding [B, C or projection] without a
 * classifier, or predicted_depth [B, H, W] with a depth head. With a reduction it also returns size [B, N'] and `stages.i.{variance,pooled,scores,source}`. Outputs that are
 * `wanted` are last_hidden_state [B, N', C], source [B, N', N0], class_token [B, C], mean_token [B, C],
 * distilled_token [B, C], attention_token [B, C] and dense_features [B, patches, C].
 */
export function visionProgram(config: VisionModelConfig, plan: ResolvedReduction, wanted: OutputOptions): Program {
  const { heads, layers, layerNormEpsilon: epsilon } = config;
  const scale = attentionScaleOf(config);
  const special = specialTokens(config);
  const N0 = tokenCount(config);
  const reductions = new Map(
    plan.stages.map((stage, index) => [
      stage.layer,
      { prefix: `stages.${index}`, stage, reduce: reductionStage(stage, heads) },
    ]),
  );
  // A depth head reads every patch of several blocks.
  const restores = wanted.denseFeatures || config.depth !== undefined;
  const identity =
    wanted.source && plan.stages.length > 0 ? hostTensor([1, N0, N0], (i) => (i % (N0 + 1) === 0 ? 1 : 0)) : undefined;

  const { rotary } = config;
  const coordinates = rotary && plan.stages.length > 0 ? otherModels().coordinatesOf(config, rotary) : undefined;
  const firstRotation = rotary && otherModels().rotationAtFirst(config, rotary);
  const rotationOf = rotary && otherModels().rotationAnywhere(config, rotary);

  // A classifier reads only the first rows after the last block, so the last block computes no others. The result is exact.
  const headRows = config.distillationHead || config.pooling === "distilled" ? 2 : 1;
  // The dense head runs only in the unreduced model. Published results with a reduction use the class token's head alone.
  const dense = config.denseHead === true && config.labels.length > 0 && plan.stages.length === 0;
  const tokensWanted = wanted.lastHiddenState || wanted.pooled || restores;
  const headReadsAll = tokensWanted || dense || !["class", "distilled"].includes(config.pooling);

  function embed<T extends Tensor>(ops: Ops<T>, params: Tensors<T>, pixels: T): T {
    // Padding leaves the rows of special tokens zero. `positions` holds each special token with its position already added.
    const x = ops.add(ops.pad(embedPatches(ops, config, params, pixels), 1, special, 0), params.positions!);
    return config.inputNorm ? ops.layerNorm(x, params["inputNorm.weight"]!, params["inputNorm.bias"]!, epsilon) : x;
  }

  function mlp<T extends Tensor>(ops: Ops<T>, p: BlockParameters<T>, x: T): T {
    const normed = ops.layerNorm(x, p["norm2.weight"]!, p["norm2.bias"]!, epsilon);
    const wide = ops.linear(normed, p["fc1.weight"]!, p["fc1.bias"]);
    const hidden =
      config.mlp === "swiglu"
        ? ops.mul(ops.activation(ops.linear(normed, p["gate.weight"]!, p["gate.bias"]), "silu"), wide)
        : ops.activation(wide, config.activation);
    const inner = p["mlpNorm.weight"]
      ? ops.layerNorm(hidden, p["mlpNorm.weight"], p["mlpNorm.bias"]!, epsilon)
      : hidden;
    return ops.add(x, ops.linear(inner, p["fc2.weight"]!, p["fc2.bias"]));
  }

  /**
   * One block: attention with residual, the stage that the plan has here, MLP with residual. `rows` limits the output to
   * that many leading tokens.
   */
  function block<T extends Tensor>(ops: Ops<T>, p: BlockParameters<T>, state: State<T>, layer: number, rows?: number) {
    const projection = (name: string) => ({ weight: p[`${name}.weight`]!, bias: p[`${name}.bias`] });
    const reduction = reductions.get(layer);

    const { x, observed } = ops.scope("attention", () => {
      const normed = ops.layerNorm(state.x, p["norm1.weight"]!, p["norm1.bias"]!, epsilon);
      const projections = { query: projection("query"), key: projection("key"), value: projection("value") };
      const logSize = logSizeOf(ops, state.size);
      const { rotation } = state;
      const { score: observe, metric: observedKeys } = reduction?.stage ?? {};
      const options = { heads, scale, logSize, rows, observe, rotation, observedKeys };
      const { mixed, observed } = ops.selfAttention(normed, projections, options);
      const before = rows === undefined ? state.x : ops.slice(state.x, 1, 0, rows);
      return { x: ops.add(before, ops.linear(mixed, p["output.weight"]!, p["output.bias"])), observed };
    });

    const reduced = reduction?.reduce(ops, {
      ...observed!,
      // A block limited by `rows` outputs only protected tokens, which no stage changes. Only the stage's report is needed.
      x: rows === undefined ? x : undefined,
      size: plan.proportionalAttention ? state.size : undefined,
      source: state.source,
      coordinates: rows === undefined ? state.coordinates : undefined,
    });

    const places =
      state.places && reduced
        ? ops.scope("places", () => traced(ops, state.places!, x, reduced.destination, reduced.size.shape[1]!))
        : state.places;

    return {
      x: ops.scope("mlp", () => mlp(ops, p, reduced?.x ?? x)),
      size: reduced ? reduced.size : state.size,
      source: reduced ? reduced.source : state.source,
      coordinates: reduced ? reduced.coordinates : state.coordinates,
      rotation: reduced?.coordinates
        ? ops.scope("rotation", () => rotationOf!(ops, reduced.coordinates!))
        : state.rotation,
      places,
      report: reduction && {
        [`${reduction.prefix}.variance`]: reduced?.variance,
        [`${reduction.prefix}.pooled`]: reduced?.pooled,
        [`${reduction.prefix}.scores`]: wanted.scores ? reduced?.scores : undefined,
        [`${reduction.prefix}.source`]: wanted.source === "stages" ? reduced?.source : undefined,
      },
    };
  }

  /** The mean of the patch tokens, weighted by size with proportional attention, evenly without. -> [B, 1, C] */
  function meanOfPatches<T extends Tensor>(ops: Ops<T>, { x, size }: State<T>): T {
    const N = x.shape[1]!;
    const patches = ops.slice(x, 1, special, N);
    if (!size || !plan.proportionalAttention) return ops.div(ops.sum(patches, 1), N - special);
    const weight = ops.cast(ops.slice(size, 1, special, N), x.dtype);
    return ops.div(ops.sum(ops.mul(patches, weight), 1), ops.sum(weight, 1));
  }

  /** What the head's probe gathers from the normalised patch tokens, with the head's MLP. -> [B, 1, C] */
  function attentionPooled<T extends Tensor>(ops: Ops<T>, params: Tensors<T>, tokens: T, size: T | undefined): T {
    const p = parametersOf(params, "attentionPool.");
    const patches = <X extends T | undefined>(x: X): X | T =>
      x && special > 0 ? ops.slice(x, 1, special, x.shape[1]!) : x;
    return mlp(ops, p, otherModels().gatherByProbe(ops, config, p, patches(tokens), logSizeOf(ops, patches(size))));
  }

  /** [B, N], the logarithm of sizes [B, N, 1] for proportional attention. Undefined where all tokens count the same. */
  const logSizeOf = <T extends Tensor>(ops: Ops<T>, size: T | undefined): T | undefined =>
    plan.proportionalAttention && size ? withoutLast(ops, ops.log(size)) : undefined;

  /** `features` [B, 1, features], which the head reads, and `tokens`, which `last_hidden_state` reports. */
  function pooled<T extends Tensor>(ops: Ops<T>, params: Tensors<T>, state: State<T>) {
    const norm = (x: T) => ops.layerNorm(x, params["norm.weight"]!, params["norm.bias"]!, epsilon);
    if (config.pooling === "mean") return { features: norm(meanOfPatches(ops, state)), tokens: state.x };
    const tokens = norm(headReadsAll ? state.x : ops.slice(state.x, 1, 0, headRows));
    const first = ops.slice(tokens, 1, 0, 1);
    // A classifier with a distillation head reads its two tokens separately.
    if (config.pooling === "class" || config.distillationHead) return { features: first, tokens };
    if (config.pooling === "distilled") return { features: meanOfDistilled(ops, tokens), tokens };
    if (config.pooling === "attention") return { features: attentionPooled(ops, params, tokens, state.size), tokens };
    const C = config.hiddenSize;
    const mean = meanOfPatches(ops, { ...state, x: tokens });
    if (config.pooling === "normalized-mean") return { features: mean, tokens };
    return { features: ops.add(ops.pad(first, 2, 0, C), ops.pad(mean, 2, C, 0)), tokens };
  }

  /** The last value of each patch's token. -> [B, patches, C] */
  const restored = <T extends Tensor>(ops: Ops<T>, { x, places = {} }: State<T>): T =>
    ops.slice(valuesOf(ops, places, x), 1, special, N0);

  /** The outputs that are wanted besides those of the head. `last_hidden_state` reports `tokens`. */
  function features<T extends Tensor>(ops: Ops<T>, params: Tensors<T>, state: State<T>, tokens: T) {
    const norm = (x: T) => ops.layerNorm(x, params["norm.weight"]!, params["norm.bias"]!, epsilon);
    // Mean-pooling heads apply the norm after pooling.
    const poolsFirst = config.pooling === "mean";
    const classToken = () => norm(ops.slice(state.x, 1, 0, 1));
    const mean = () => (poolsFirst ? norm(meanOfPatches(ops, state)) : meanOfPatches(ops, { ...state, x: tokens }));
    const patches = () => (poolsFirst ? restored(ops, state) : norm(restored(ops, state)));
    return {
      last_hidden_state: wanted.lastHiddenState ? (config.hiddenStateBeforeNorm ? state.x : tokens) : undefined,
      class_token: wanted.pooled && config.classToken !== false ? withoutMiddle(ops, classToken()) : undefined,
      mean_token: wanted.pooled ? withoutMiddle(ops, mean()) : undefined,
      distilled_token:
        wanted.pooled && config.distillationToken
          ? withoutMiddle(ops, meanOfDistilled(ops, norm(ops.slice(state.x, 1, 0, 2))))
          : undefined,
      dense_features: wanted.denseFeatures ? patches() : undefined,
    };
  }

  /** What a depth head reads after a block: each patch with the value of its token at this moment. */
  function stageFeatures<T extends Tensor>(ops: Ops<T>, params: Tensors<T>, state: State<T>): StageFeatures<T> {
    const norm = (x: T) =>
      config.depth!.normalized ? ops.layerNorm(x, params["norm.weight"]!, params["norm.bias"]!, epsilon) : x;
    return { patches: norm(restored(ops, state)), classToken: norm(ops.slice(state.x, 1, 0, 1)) };
  }

  function head<T extends Tensor>(
    ops: Ops<T>,
    params: Tensors<T>,
    state: State<T>,
    stages: readonly StageFeatures<T>[],
  ) {
    const { features: read, tokens } = pooled(ops, params, state);
    const classify = (x: T, name: string) => ops.linear(x, params[`${name}.weight`]!, params[`${name}.bias`]);
    const more = {
      ...features(ops, params, state, tokens),
      attention_token: wanted.pooled && config.pooling === "attention" ? withoutMiddle(ops, read) : undefined,
    };
    if (config.depth) return { predicted_depth: otherModels().predictDepth(ops, config, params, stages), ...more };
    if (config.labels.length === 0) {
      const embedding = config.projection ? classify(read, "projection") : read;
      return { embedding: withoutMiddle(ops, embedding), ...more };
    }
    let logits = classify(read, "head");
    if (config.distillationHead)
      logits = ops.div(ops.add(logits, classify(ops.slice(tokens, 1, 1, 2), "distillationHead")), 2);
    if (dense) {
      const patches = classify(ops.slice(tokens, 1, special, tokens.shape[1]!), "denseHead");
      logits = ops.add(logits, ops.div(ops.max(patches, 1), 2));
    }
    return { logits: withoutMiddle(ops, logits), ...more };
  }

  return <T extends Tensor>(ops: Ops<T>, params: Tensors<T>, inputs: Tensors<T>) => {
    const outputs: Record<string, T> = {};
    const add = (name: string, x: T | undefined) => {
      if (x) outputs[name] = x;
    };
    let state: State<T> = {
      x: ops.scope("embeddings", () => embed(ops, params, inputs.pixel_values!)),
      source: identity && ops.constant(identity),
      coordinates: coordinates && ops.constant(coordinates),
      rotation: firstRotation && { cos: ops.constant(firstRotation.cos), sin: ops.constant(firstRotation.sin) },
      places: restores ? {} : undefined,
    };
    const stages: StageFeatures<T>[] = [];
    for (let layer = 0; layer < layers; layer++) {
      const rows = layer === layers - 1 && !headReadsAll ? headRows : undefined;
      // Training runs a scope again for its gradient, when `state` has moved on.
      const entering = state;
      const { report, ...leaving } = ops.scope(`blocks.${layer}`, () =>
        block(ops, parametersOf(params, `blocks.${layer}.`), entering, layer, rows),
      );
      state = leaving;
      if (config.depth?.stages.includes(layer))
        stages.push(ops.scope(`features.${stages.length}`, () => stageFeatures(ops, params, leaving)));
      for (const [name, x] of Object.entries(report ?? {})) add(name, x);
    }
    const named = ops.scope("head", () => head(ops, params, state, stages));
    for (const [name, x] of Object.entries(named)) add(name, x);
    add("size", state.size && withoutLast(ops, state.size));
    // If every stage reports its source map, the last of these is the final one.
    add("source", wanted.source === true ? state.source : undefined);
    return outputs;
  };
}

/** The mean of the first two tokens [B, N, C], the class and the distillation token. -> [B, 1, C] */
const meanOfDistilled = <T extends Tensor>(ops: Ops<T>, tokens: T): T =>
  ops.div(ops.sum(ops.slice(tokens, 1, 0, 2), 1), 2);

/** [B, 1, C] -> [B, C] */
const withoutMiddle = <T extends Tensor>(ops: Ops<T>, x: T): T => ops.reshape(x, [x.shape[0]!, x.shape[2]!]);

/** [B, N, 1] -> [B, N] */
const withoutLast = <T extends Tensor>(ops: Ops<T>, x: T): T => ops.reshape(x, x.shape.slice(0, -1));

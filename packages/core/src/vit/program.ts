/** The Vision Transformer with PPT between attention and MLP, as a program (paper, figure 2). */
import type { Ops, Program, Tensor, Tensors } from "../backend.js";
import { hostTensor } from "../composites.js";
import { reductionStage } from "../reduction/compress.js";
import type { ReductionPlan } from "../reduction/schedule.js";
import { specialTokens, tokenCount, type VisionModelConfig } from "./config.js";

/** What a model returns besides the logits. Each costs a readback; `lastHiddenState` also a full last block. */
export interface OutputOptions {
  /** Tokens after the last block and the final norm. */
  readonly lastHiddenState?: boolean;
  /** Which input tokens each output token contains; `"stages"` after every stage, not only at the end. */
  readonly source?: boolean | "stages";
  /** Significance scores of each stage. */
  readonly scores?: boolean;
}

/** Parameters of one block, found under `blocks.i.`. */
type BlockParameters<T> = Readonly<Record<string, T>>;

interface State<T extends Tensor> {
  /** [B, N, C]; in the last block of a classifier only the rows that the head reads. */
  readonly x: T;
  /** [B, N, 1], left out while every token is one patch. */
  readonly size?: T | undefined;
  /** [B or 1, N, N0], only where asked for. */
  readonly source?: T | undefined;
}

/**
 * pixel_values [B, 3, H, W] -> logits [B, labels]; size [B, N'] and `stages.i.{variance,pooled,scores,source}` where
 * tokens are reduced; last_hidden_state [B, N', C] and source [B, N', N0] where asked for.
 */
export function visionProgram(config: VisionModelConfig, plan: ReductionPlan, wanted: OutputOptions): Program {
  const { heads, hiddenSize, layers, layerNormEpsilon: epsilon } = config;
  const scale = 1 / Math.sqrt(hiddenSize / heads);
  const special = specialTokens(config);
  const N0 = tokenCount(config);
  const reductions = new Map(
    plan.stages.map((stage, index) => [
      stage.layer,
      { prefix: `stages.${index}`, reduce: reductionStage(stage, heads) },
    ]),
  );
  const identity =
    wanted.source && plan.stages.length > 0 ? hostTensor([1, N0, N0], (i) => (i % (N0 + 1) === 0 ? 1 : 0)) : undefined;

  // A classifier reads only the first rows after the last block: compute no others there. Exact, not an approximation.
  const headRows = config.distillationHead ? 2 : 1;
  const headReadsAll = wanted.lastHiddenState === true || config.pooling === "mean";

  function embed<T extends Tensor>(ops: Ops<T>, params: Tensors<T>, pixels: T): T {
    const { patchSize, imageSize, channels } = config;
    const rows = imageSize[0] / patchSize[0];
    const columns = imageSize[1] / patchSize[1];
    const B = pixels.shape[0]!;
    const grid = ops.reshape(pixels, [B, channels, rows, patchSize[0], columns, patchSize[1]]);
    const patches = ops.reshape(ops.transpose(grid, [0, 2, 4, 1, 3, 5]), [
      B,
      rows * columns,
      channels * patchSize[0] * patchSize[1],
    ]);
    const embedded = ops.linear(patches, params["patchEmbedding.weight"]!, params["patchEmbedding.bias"]);
    // The special tokens are zero rows here; the table holds each of them with its position already added.
    return ops.add(ops.pad(embedded, 1, special, 0), params.positions!);
  }

  function mlp<T extends Tensor>(ops: Ops<T>, p: BlockParameters<T>, x: T): T {
    const normed = ops.layerNorm(x, p["norm2.weight"]!, p["norm2.bias"]!, epsilon);
    const hidden = ops.activation(ops.linear(normed, p["fc1.weight"]!, p["fc1.bias"]), config.activation);
    return ops.add(x, ops.linear(hidden, p["fc2.weight"]!, p["fc2.bias"]));
  }

  /** Attention residual, reduction where the plan says so, MLP residual. `rows` limits the output to the first tokens. */
  function block<T extends Tensor>(ops: Ops<T>, p: BlockParameters<T>, state: State<T>, layer: number, rows?: number) {
    const first = (x: T) => (rows === undefined ? x : ops.slice(x, 1, 0, rows));

    const { x, q, keys, values, logSize } = ops.scope("attention", () => {
      const normed = ops.layerNorm(state.x, p["norm1.weight"]!, p["norm1.bias"]!, epsilon);
      const q = ops.linear(first(normed), p["query.weight"]!, p["query.bias"]);
      const keys = ops.linear(normed, p["key.weight"]!, p["key.bias"]);
      const values = ops.linear(normed, p["value.weight"]!, p["value.bias"]);
      const logSize = plan.proportionalAttention && state.size ? withoutLast(ops, ops.log(state.size)) : undefined;
      const mixed = ops.attention(q, keys, values, { heads, scale, logSize });
      const x = ops.add(first(state.x), ops.linear(mixed, p["output.weight"]!, p["output.bias"]));
      return { x, q, keys, values, logSize };
    });

    const reduction = reductions.get(layer);
    const reduced = reduction?.reduce(ops, {
      // Protected rows are the same before and after, so a block limited to them has no row to reduce.
      x: rows === undefined ? x : undefined,
      size: plan.proportionalAttention ? state.size : undefined,
      source: state.source,
      classAttention: ops.classAttention(ops.cast(ops.slice(q, 1, 0, 1), "float32"), ops.cast(keys, "float32"), {
        heads,
        scale,
        logSize,
      }),
      keys,
      values,
    });

    return {
      x: ops.scope("mlp", () => mlp(ops, p, reduced?.x ?? x)),
      size: reduced ? reduced.size : state.size,
      source: reduced ? reduced.source : state.source,
      report: reduction && {
        [`${reduction.prefix}.variance`]: reduced?.variance,
        [`${reduction.prefix}.pooled`]: reduced?.pooled,
        [`${reduction.prefix}.scores`]: wanted.scores ? reduced?.scores : undefined,
        [`${reduction.prefix}.source`]: wanted.source === "stages" ? reduced?.source : undefined,
      },
    };
  }

  /** Mean over the patches: tokens weighted by what they stand for, special tokens left out. -> [B, 1, C] */
  function meanOfPatches<T extends Tensor>(ops: Ops<T>, { x, size }: State<T>): T {
    const N = x.shape[1]!;
    const patches = ops.slice(x, 1, special, N);
    if (!size || !plan.proportionalAttention) return ops.div(ops.sum(patches, 1), N - special);
    const weight = ops.cast(ops.slice(size, 1, special, N), x.dtype);
    return ops.div(ops.sum(ops.mul(patches, weight), 1), ops.sum(weight, 1));
  }

  function head<T extends Tensor>(ops: Ops<T>, params: Tensors<T>, state: State<T>) {
    const norm = (x: T) => ops.layerNorm(x, params["norm.weight"]!, params["norm.bias"]!, epsilon);
    const classify = (x: T, name: string) => {
      const logits = ops.linear(x, params[`${name}.weight`]!, params[`${name}.bias`]);
      return ops.reshape(logits, [logits.shape[0]!, config.labels.length]);
    };
    if (config.pooling === "mean")
      return {
        logits: classify(norm(meanOfPatches(ops, state)), "head"),
        lastHiddenState: wanted.lastHiddenState ? state.x : undefined,
      };

    const normed = norm(headReadsAll ? state.x : ops.slice(state.x, 1, 0, headRows));
    const classLogits = classify(ops.slice(normed, 1, 0, 1), "head");
    const logits = config.distillationHead
      ? ops.div(ops.add(classLogits, classify(ops.slice(normed, 1, 1, 2), "distillationHead")), 2)
      : classLogits;
    return { logits, lastHiddenState: wanted.lastHiddenState ? normed : undefined };
  }

  return <T extends Tensor>(ops: Ops<T>, params: Tensors<T>, inputs: Tensors<T>) => {
    const outputs: Record<string, T> = {};
    const add = (name: string, x: T | undefined) => {
      if (x) outputs[name] = x;
    };
    let state: State<T> = {
      x: ops.scope("embeddings", () => embed(ops, params, inputs.pixel_values!)),
      source: identity && ops.constant(identity),
    };
    for (let layer = 0; layer < layers; layer++) {
      const rows = layer === layers - 1 && !headReadsAll ? headRows : undefined;
      const { report, ...next } = ops.scope(`blocks.${layer}`, () =>
        block(ops, parametersOf(params, `blocks.${layer}.`), state, layer, rows),
      );
      state = next;
      for (const [name, x] of Object.entries(report ?? {})) add(name, x);
    }
    const { logits, lastHiddenState } = ops.scope("head", () => head(ops, params, state));
    add("logits", logits);
    add("last_hidden_state", lastHiddenState);
    add("size", state.size && withoutLast(ops, state.size));
    // With a source map after every stage, the last of them is this one.
    add("source", wanted.source === "stages" ? undefined : state.source);
    return outputs;
  };
}

/** [B, N, 1] -> [B, N] */
const withoutLast = <T extends Tensor>(ops: Ops<T>, x: T): T => ops.reshape(x, x.shape.slice(0, -1));

/** The parameters whose names start with `prefix`, without it. */
function parametersOf<T>(params: Tensors<T>, prefix: string): BlockParameters<T> {
  return Object.fromEntries(
    Object.entries(params)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, x]) => [name.slice(prefix.length), x]),
  );
}

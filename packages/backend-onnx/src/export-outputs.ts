/** Names the outputs of a model's program as transformers does, and computes the pooler, which no other use of a model needs. */
import {
  type ExportOutput,
  embeddingPoolingOf,
  exportOutputsOf,
  type OutputOptions,
  PptError,
  type VisionModelConfig,
  type WeightSource,
} from "@ppt-vit/core";
import { type HostTensor, type Program, sameShape, type Tensors } from "@ppt-vit/core/backend";

/** What the program has to compute. */
export const outputOptions = (outputs: readonly ExportOutput[], source: boolean): OutputOptions => ({
  source,
  lastHiddenState: outputs.includes("last_hidden_state"),
  pooled: outputs.includes("pooler_output"),
});

/** @throws PptError INVALID_OPTION for outputs that the model does not have */
export function checkedOutputs(config: VisionModelConfig, outputs: readonly ExportOutput[]): readonly ExportOutput[] {
  const all = exportOutputsOf(config);
  const lacking = outputs.find((name) => !all.includes(name));
  if (lacking !== undefined || outputs.length === 0)
    throw new PptError(
      "INVALID_OPTION",
      `export: ${lacking === undefined ? "outputs are empty" : `this model has no output '${lacking}'`}; it has ${all.join(", ")}`,
    );
  return all.filter((name) => outputs.includes(name));
}

/**
 * The pooler of transformers' ViTModel and DeiTModel, tanh(W class token + b), as `pooler.{weight,bias}`. Classifiers are saved
 * without it.
 */
export function poolerOf(
  weights: WeightSource,
  config: VisionModelConfig,
  outputs: readonly ExportOutput[],
): Tensors<HostTensor> {
  const C = config.hiddenSize;
  const stored = weights.names.find((name) => /(^|\.)pooler\.dense\.weight$/.test(name));
  if (!outputs.includes("pooler_output") || embeddingPoolingOf(config) !== "class" || stored === undefined) return {};
  const [weight, bias] = [weights.read(stored), weights.read(stored.replace(/weight$/, "bias"))];
  if (!sameShape(weight.shape, [C, C]) || !sameShape(bias.shape, [C]))
    throw new PptError(
      "INVALID_WEIGHTS",
      `export: '${stored}' is [${weight.shape}] with a bias of [${bias.shape}], expected [${C},${C}] and [${C}]`,
    );
  return { "pooler.weight": weight, "pooler.bias": bias };
}

const pooledTokens = {
  class: "class_token",
  mean: "mean_token",
  distilled: "distilled_token",
  attention: "attention_token",
} as const;

/** The program with its outputs under their names in transformers. The names of parameters are those of `poolerOf`. */
export function namingOutputs(program: Program, config: VisionModelConfig): Program {
  const pooled = pooledTokens[embeddingPoolingOf(config)];
  return (ops, params, inputs) => {
    const results = program(ops, params, inputs);
    const { embedding, [pooled]: token } = results;
    const weight = params["pooler.weight"];
    const pooler = token && weight ? ops.tanh(ops.linear(token, weight, params["pooler.bias"])) : token;
    return {
      ...results,
      ...(config.projection && embedding && { image_embeds: embedding }),
      ...(pooler && { pooler_output: pooler }),
    };
  };
}

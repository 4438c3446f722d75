/**
 * DINOv3: rotary positions instead of a table, register tokens, keys without bias, and a gated MLP in its "plus" models (arXiv
 * 2508.10104).
 */

import { processorDefaults } from "../../io/processor-defaults.js";
import { type BlockLayer, limits, type VisionModelConfig } from "../config.js";
import type { Family } from "../family.js";
import { countOrNone, type Fields, type Held, invalid, readEncoder, readLabels, readProblem } from "../fields.js";
import { attentionOfTransformers5, huggingFaceClassifiers, huggingFaceNames, type NameSet } from "../names.js";
import { exampleSizes } from "./example-sizes.js";
import { centredRotary, requireRotaryHeads } from "./rotary-fields.js";

/** The fields that say whether a layer has a bias. Only keys have none if a file is silent. */
const biases: readonly (readonly [field: string, fallback: boolean, layers: readonly BlockLayer[]])[] = [
  ["query_bias", true, ["query"]],
  ["key_bias", false, ["key"]],
  ["value_bias", true, ["value"]],
  ["proj_bias", true, ["output"]],
  ["mlp_bias", true, ["gate", "fc1", "fc2"]],
];

function readConfig(fields: Fields, held: Held): VisionModelConfig {
  const encoder = readEncoder(fields, { image: 224, patch: 16, hidden: 384, layers: 12, heads: 6, epsilon: 1e-5 });
  const { hiddenSize, activation } = encoder;
  requireRotaryHeads(encoder, "num_attention_heads");
  const gated = fields.flag("use_gated_mlp", false);
  if (gated && activation !== "silu")
    invalid(`hidden_act must be "silu" where use_gated_mlp is true, got ${fields.value("hidden_act") ?? "gelu"}`);
  const labels = readLabels(fields, "where labels are named", held);
  return {
    ...encoder,
    intermediateSize: fields.count("intermediate_size", 8 * limits.hidden, 4 * hiddenSize),
    qkvBias: true,
    withoutBias: biases.flatMap(([field, fallback, layers]) => (fields.flag(field, fallback) ? [] : layers)),
    labels,
    ...readProblem(fields, labels),
    registerTokens: countOrNone(fields, "num_register_tokens", 64, 4),
    positionTable: false,
    rotary: centredRotary(fields.positive("rope_theta", 1e9, 100)),
    // `image_size` binds nothing: positions are computed for any grid.
    sizeFromPreprocessing: true,
    layerScale: true,
    mlp: gated ? "swiglu" : "plain",
  };
}

const names: NameSet = (config) => ({
  ...huggingFaceNames(config),
  patchEmbedding: "embeddings.patch_embeddings",
  norm: "norm",
  blocks: "layer",
  block: {
    ...attentionOfTransformers5,
    norm1: "norm1",
    norm2: "norm2",
    fc1: "mlp.up_proj",
    fc2: "mlp.down_proj",
    ...(config.mlp === "swiglu" && { gate: "mlp.gate_proj" }),
  },
});

const example = { model_type: "dinov3_vit", ...exampleSizes };

export const dinov3: Family = {
  title: "DINOv3",
  modelTypes: { dinov3_vit: { preprocessing: processorDefaults.DINOv3ViT!, transformersJs: true } },
  refusedTypes: {
    dinov3_convnext:
      "it is a convolutional network without tokens. DINOv3's Vision Transformers are supported: their model_type is dinov3_vit",
  },
  examples: [example, { ...example, use_gated_mlp: true, hidden_act: "silu", num_register_tokens: 0 }],
  config: readConfig,
  names: [names],
  classifiers: huggingFaceClassifiers,
  prefixes: ["dinov3_vit", "dinov3"],
  roots: ["embeddings", "layer", "norm", "rope_embeddings"],
  ignored: [/(^|\.)mask_token$/, /^rope_embeddings\./],
};

/** DINOv2, with and without register tokens: layer scale, SwiGLU in the giant model, a head over class token and mean. */
import { processorDefaults } from "../../io/processor-defaults.js";
import type { VisionModelConfig } from "../config.js";
import type { Family } from "../family.js";
import { type Fields, type Held, readEncoder, readLabels, readProblem } from "../fields.js";
import {
  attentionOfTransformers4,
  attentionOfTransformers5,
  huggingFaceClassifiers,
  huggingFaceNames,
  type NameSet,
  partOf,
} from "../names.js";

function readConfig(fields: Fields, held: Held): VisionModelConfig {
  const encoder = readEncoder(fields, { patch: 14, epsilon: 1e-6 });
  const mlp = fields.flag("use_swiglu_ffn", false) ? "swiglu" : "plain";
  const labels = readLabels(fields, "where labels are named", held);
  const hidden = Math.floor(encoder.hiddenSize * fields.positive("mlp_ratio", 32, 4));
  return {
    ...encoder,
    // SwiGLU has three matrices where a plain MLP has two. Two thirds of the width, in multiples of 8, keep the size.
    intermediateSize: Math.max(1, mlp === "swiglu" ? 8 * Math.ceil(Math.floor((hidden * 2) / 3) / 8) : hidden),
    qkvBias: fields.flag("qkv_bias", true),
    pooling: "class+mean",
    labels,
    ...readProblem(fields, labels),
    // Trained at 518 pixels, used at 224. The library's code interpolates positions without being asked.
    sizeFromPreprocessing: true,
    layerScale: true,
    mlp,
    ...(fields.value("model_type") === "dinov2_with_registers" && {
      registerTokens: fields.count("num_register_tokens", 64, 4),
      positionInterpolation: "bicubic-antialiased",
    }),
  };
}

const norms = { norm1: "norm1", norm2: "norm2" } as const;
const plainMlp = { fc1: "mlp.fc1", fc2: "mlp.fc2" } as const;

/** Up to version 4 of transformers. Version 5 still saves these names. */
const transformers4: NameSet = (config) => ({
  ...huggingFaceNames(config),
  block: {
    ...attentionOfTransformers4,
    ...norms,
    ...(config.mlp === "swiglu"
      ? { gate: partOf("mlp.weights_in", 0, 2), fc1: partOf("mlp.weights_in", 1, 2), fc2: "mlp.weights_out" }
      : plainMlp),
  },
});

/** What the modules of version 5 are called. */
const transformers5: NameSet = (config) => ({
  ...huggingFaceNames(config),
  block: {
    ...attentionOfTransformers5,
    ...norms,
    ...(config.mlp === "swiglu" ? { gate: "mlp.gate_proj", fc1: "mlp.up_proj", fc2: "mlp.down_proj" } : plainMlp),
  },
});

const example = {
  image_size: 28,
  patch_size: 7,
  hidden_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  num_labels: 5,
};

export const dinov2: Family = {
  title: "DINOv2",
  modelTypes: {
    dinov2: { preprocessing: processorDefaults.Bit!, transformersJs: true },
    dinov2_with_registers: { preprocessing: processorDefaults.Bit!, transformersJs: true },
  },
  examples: [
    { model_type: "dinov2", ...example },
    { model_type: "dinov2_with_registers", ...example, use_swiglu_ffn: true },
  ],
  config: readConfig,
  names: [transformers4, transformers5],
  classifiers: huggingFaceClassifiers,
  prefixes: ["dinov2", "dinov2_with_registers"],
  roots: ["embeddings", "register_tokens", "encoder", "layernorm"],
  ignored: [/(^|\.)mask_token$/],
};

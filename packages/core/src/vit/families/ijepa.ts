/** I-JEPA, as Hugging Face configures it: a ViT without a class token. What stands for a picture is the mean of its tokens. */
import { processorDefaults } from "../../io/processor-defaults.js";
import { limits, type VisionModelConfig } from "../config.js";
import type { Family } from "../family.js";
import { type Fields, type Held, readEncoder, readLabels, readProblem } from "../fields.js";
import { huggingFaceClassifiers, vitNames } from "../names.js";

function readConfig(fields: Fields, held: Held): VisionModelConfig {
  const encoder = readEncoder(fields, { image: 224, patch: 16, hidden: 768, layers: 12, heads: 12, epsilon: 1e-12 });
  const labels = readLabels(fields, "where labels are named", held);
  return {
    ...encoder,
    intermediateSize: fields.count("intermediate_size", 8 * limits.hidden, 4 * encoder.hiddenSize),
    qkvBias: fields.flag("qkv_bias", true),
    classToken: false,
    pooling: "normalized-mean",
    labels,
    ...readProblem(fields, labels),
  };
}

const example = {
  model_type: "ijepa",
  image_size: 32,
  patch_size: 8,
  hidden_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 3,
};

export const ijepa: Family = {
  title: "I-JEPA",
  modelTypes: { ijepa: { preprocessing: processorDefaults.ViT! } },
  examples: [
    { ...example, architectures: ["IJepaModel"] },
    { ...example, architectures: ["IJepaForImageClassification"], num_labels: 5 },
  ],
  config: readConfig,
  names: vitNames,
  classifiers: huggingFaceClassifiers,
  prefixes: ["ijepa"],
  roots: ["embeddings", "encoder", "layer", "layers", "layernorm"],
  ignored: [/^pooler\./, /(^|\.)mask_token$/],
};

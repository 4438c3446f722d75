/** ViT, AugReg, DINO, MSN, DeiT (plain and distilled) and the encoder of MAE, as Hugging Face configures them. */
import { processorDefaults } from "../../io/processor-defaults.js";
import { limits, type VisionModelConfig } from "../config.js";
import type { Family } from "../family.js";
import { type Fields, type Held, readArchitecture, readEncoder, readLabels, readProblem } from "../fields.js";
import { huggingFaceClassifiers, vitNames } from "../names.js";

function readConfig(fields: Fields, held: Held): VisionModelConfig {
  const type = fields.value("model_type");
  const encoder = readEncoder(fields, { epsilon: type === "vit_msn" ? 1e-6 : 1e-12 });
  const distillationToken = fields.flag("distilled", type === "deit");
  const labels = readLabels(fields, "always", held);
  const config: VisionModelConfig = {
    ...encoder,
    intermediateSize: fields.count("intermediate_size", 8 * limits.hidden, 4 * encoder.hiddenSize),
    qkvBias: fields.flag("qkv_bias", true),
    distillationToken,
    distillationHead: distillationToken && labels.length > 0 && hasDistillationHead(fields, held),
    pooling: fields.value("global_pool") === "avg" || fields.flag("use_mean_pooling", false) ? "mean" : "class",
    labels,
    ...readProblem(fields, labels),
  };
  return type === "vit_mae" ? { ...config, ...maskedAutoencoder(fields, held) } : config;
}

/** Hugging Face's DeiTForImageClassification reads the class token only; DeiTForImageClassificationWithTeacher has both heads. */
const hasDistillationHead = (fields: Fields, held: Held): boolean =>
  held
    ? ["distillation_classifier.weight", "head_dist.weight"].some((name) => held.has(name))
    : readArchitecture(fields) !== "DeiTForImageClassification";

/**
 * What differs in MAE. Only its encoder runs, without masking. Fine-tuned models pool the mean of the patches, as published.
 * Checkpoints of the pre-training have no classifier and normalise all tokens.
 */
function maskedAutoencoder(fields: Fields, held: Held): Partial<VisionModelConfig> {
  const labels = readLabels(fields, "where labels are named", held);
  return {
    distillationToken: false,
    distillationHead: false,
    pooling: fields.flag("use_mean_pooling", labels.length > 0) ? "mean" : "class",
    labels,
  };
}

const example = {
  image_size: 32,
  patch_size: 8,
  hidden_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  num_labels: 5,
};

export const vit: Family = {
  title: "ViT, DeiT, MAE",
  modelTypes: {
    vit: { preprocessing: processorDefaults.ViT!, transformersJs: true },
    deit: { preprocessing: processorDefaults.DeiT!, transformersJs: true },
    vit_msn: { preprocessing: processorDefaults.ViT!, transformersJs: true },
    vit_mae: { preprocessing: processorDefaults.ViT!, transformersJs: true },
  },
  examples: [
    { model_type: "vit", ...example },
    { model_type: "deit", ...example },
    { model_type: "vit_mae", ...example, use_mean_pooling: true },
  ],
  config: readConfig,
  names: vitNames,
  classifiers: huggingFaceClassifiers,
  prefixes: ["vit", "deit"],
  roots: ["embeddings", "encoder", "layer", "layers", "layernorm"],
  // The pooler of ViTModel, and the parts that pre-training needs: mask token and MAE's decoder.
  ignored: [/^pooler\./, /(^|\.)mask_token$/, /^decoder/],
};

/** ViT, AugReg, DINO, MSN, DeiT (plain and distilled) and the encoder of MAE, as Hugging Face configures them. */
import { limits, type VisionModelConfig } from "../config.js";
import {
  type Fields,
  type Held,
  readActivation,
  readArchitecture,
  readEpsilon,
  readLabels,
  readProblem,
  readSizes,
  readWidth,
} from "./fields.js";

/** `vit`, `deit` and `vit_msn`. Fields that Hugging Face leaves out have its defaults. */
export function vitConfig(fields: Fields, held: Held): VisionModelConfig {
  const sizes = readSizes(fields);
  const { hiddenSize, heads } = readWidth(fields);
  const distillationToken = fields.flag("distilled", fields.value("model_type") === "deit");
  const labels = readLabels(fields, "always", held);
  return {
    ...sizes,
    channels: fields.count("num_channels", 16, 3),
    hiddenSize,
    layers: fields.count("num_hidden_layers", limits.layers),
    heads,
    intermediateSize: fields.count("intermediate_size", 8 * limits.hidden, 4 * hiddenSize),
    activation: readActivation(fields),
    layerNormEpsilon: readEpsilon(fields, fields.value("model_type") === "vit_msn" ? 1e-6 : 1e-12),
    qkvBias: fields.flag("qkv_bias", true),
    distillationToken,
    distillationHead: distillationToken && labels.length > 0 && hasDistillationHead(fields, held),
    pooling: fields.value("global_pool") === "avg" || fields.flag("use_mean_pooling", false) ? "mean" : "class",
    labels,
    ...readProblem(fields, labels),
  };
}

/** Hugging Face's plain DeiTForImageClassification reads the class token only. */
const hasDistillationHead = (fields: Fields, held: Held): boolean =>
  held
    ? ["distillation_classifier.weight", "head_dist.weight"].some((name) => held.has(name))
    : readArchitecture(fields) !== "DeiTForImageClassification";

/**
 * `vit_mae`: the encoder without masking. Fine-tuned models pool the mean of the patches, as published; the checkpoints of
 * the pre-training have no classifier, and normalise all tokens.
 */
export function maeConfig(fields: Fields, held: Held): VisionModelConfig {
  const labels = readLabels(fields, "where labels are named", held);
  return {
    ...vitConfig(fields, held),
    distillationToken: false,
    distillationHead: false,
    pooling: fields.flag("use_mean_pooling", labels.length > 0) ? "mean" : "class",
    labels,
  };
}

/** ViT, AugReg, DINO, DeiT (plain and distilled) and the encoder of MAE, as Hugging Face configures them. */
import { limits, type VisionModelConfig } from "../config.js";
import {
  type Fields,
  readActivation,
  readArchitecture,
  readEpsilon,
  readLabels,
  readSizes,
  readWidth,
} from "./fields.js";

/** `vit` and `deit`. Fields that Hugging Face leaves out have its defaults. */
export function vitConfig(fields: Fields): VisionModelConfig {
  const sizes = readSizes(fields);
  const { hiddenSize, heads } = readWidth(fields);
  const distillationToken = fields.flag("distilled", fields.value("model_type") === "deit");
  const labels = readLabels(fields, "always");
  return {
    ...sizes,
    channels: fields.count("num_channels", 16, 3),
    hiddenSize,
    layers: fields.count("num_hidden_layers", limits.layers),
    heads,
    intermediateSize: fields.count("intermediate_size", 8 * limits.hidden, 4 * hiddenSize),
    activation: readActivation(fields),
    layerNormEpsilon: readEpsilon(fields, 1e-12),
    qkvBias: fields.flag("qkv_bias", true),
    distillationToken,
    // Hugging Face's plain DeiTForImageClassification reads the class token only.
    distillationHead:
      distillationToken && labels.length > 0 && readArchitecture(fields) !== "DeiTForImageClassification",
    pooling: fields.value("global_pool") === "avg" || fields.flag("use_mean_pooling", false) ? "mean" : "class",
    labels,
  };
}

/**
 * `vit_mae`: the encoder without masking. Fine-tuned models pool the mean of the patches, as published; the checkpoints of
 * the pre-training have no classifier, and normalise all tokens.
 */
export function maeConfig(fields: Fields): VisionModelConfig {
  const labels = readLabels(fields, "where labels are named");
  return {
    ...vitConfig(fields),
    distillationToken: false,
    distillationHead: false,
    pooling: fields.flag("use_mean_pooling", labels.length > 0) ? "mean" : "class",
    labels,
  };
}

/**
 * LV-ViT and T2T-ViT, which the paper reports besides DeiT. Their authors publish no configuration file: the fields are
 * those of Hugging Face's ViT and the few that packages/core/README.md lists.
 */
import { limits, type VisionModelConfig } from "../config.js";
import {
  type Fields,
  type Held,
  invalid,
  readActivation,
  readEpsilon,
  readLabels,
  readProblem,
  readSizes,
  readWidth,
} from "./fields.js";

function common(fields: Fields, held: Held): VisionModelConfig {
  const { hiddenSize, heads } = readWidth(fields);
  const labels = readLabels(fields, "always", held);
  return {
    ...readSizes(fields, { patch: 16 }, true),
    channels: fields.count("num_channels", 16, 3),
    hiddenSize,
    layers: fields.count("num_hidden_layers", limits.layers),
    heads,
    intermediateSize: fields.count("intermediate_size", 8 * limits.hidden, 3 * hiddenSize),
    activation: readActivation(fields),
    layerNormEpsilon: readEpsilon(fields, 1e-5),
    qkvBias: fields.flag("qkv_bias", false),
    distillationToken: false,
    distillationHead: false,
    pooling: "class",
    labels,
    ...readProblem(fields, labels),
    // Weights published before a correction of the scale need the old one, C^-0.5.
    ...(fields.value("qk_scale") != null && { attentionScale: fields.positive("qk_scale", 1) }),
  };
}

/** `lvvit` */
export function lvvitConfig(fields: Fields, held: Held): VisionModelConfig {
  const config = common(fields, held);
  if (config.patchSize.some((side) => side % 2 !== 0))
    invalid(`patch_size ${config.patchSize.join("x")} must be even: half of it is left for the last convolution`);
  return {
    ...config,
    stem: { kind: "convolution", channels: fields.count("stem_channels", 1024, 64) },
    residualDivisor: fields.positive("skip_lam", 1000, 1),
    denseHead: fields.flag("dense_head", true),
  };
}

/** `t2t_vit` */
export function t2tConfig(fields: Fields, held: Held): VisionModelConfig {
  const config = common(fields, held);
  if (config.patchSize.some((side) => side !== 16))
    invalid(`patch_size of a T2T-ViT is 16, by its three soft splits, got ${config.patchSize.join("x")}`);
  const attention = fields.choice("tokens_type", ["performer", "transformer"], "performer");
  return {
    ...config,
    stem: { kind: "tokens-to-token", attention, width: fields.count("token_dim", 1024, 64) },
    positionInterpolation: "sinusoid",
  };
}

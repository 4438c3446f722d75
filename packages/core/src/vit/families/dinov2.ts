/** DINOv2, with and without register tokens: layer scale, SwiGLU in the giant, a classifier over class token and mean. */
import { limits, type VisionModelConfig } from "../config.js";
import {
  type Fields,
  type Held,
  readActivation,
  readEpsilon,
  readLabels,
  readProblem,
  readSizes,
  readWidth,
} from "./fields.js";

export function dinov2Config(fields: Fields, held: Held): VisionModelConfig {
  const { hiddenSize, heads } = readWidth(fields);
  const registers = fields.value("model_type") === "dinov2_with_registers";
  const mlp = fields.flag("use_swiglu_ffn", false) ? "swiglu" : "plain";
  const labels = readLabels(fields, "where labels are named", held);
  const hidden = Math.floor(hiddenSize * fields.positive("mlp_ratio", 32, 4));
  return {
    ...readSizes(fields, { patch: 14 }),
    channels: fields.count("num_channels", 16, 3),
    hiddenSize,
    layers: fields.count("num_hidden_layers", limits.layers),
    heads,
    // SwiGLU has three matrices: two thirds of the width, rounded up to a multiple of 8, make it as large as a plain MLP.
    intermediateSize: Math.max(1, mlp === "swiglu" ? 8 * Math.ceil(Math.floor((hidden * 2) / 3) / 8) : hidden),
    activation: readActivation(fields),
    layerNormEpsilon: readEpsilon(fields, 1e-6),
    qkvBias: fields.flag("qkv_bias", true),
    distillationToken: false,
    distillationHead: false,
    pooling: "class+mean",
    labels,
    ...readProblem(fields, labels),
    // Trained at 518 pixels, used at 224: its own code interpolates without being asked.
    sizeFromPreprocessing: true,
    layerScale: true,
    mlp,
    ...(registers && {
      registerTokens: fields.count("num_register_tokens", 64, 4),
      positionInterpolation: "bicubic-antialiased",
    }),
  };
}

/** The vision tower of CLIP: `clip` (the whole model's configuration) and `clip_vision_model`. */
import { limits, type VisionModelConfig } from "../config.js";
import { type Fields, invalid, readActivation, readArchitecture, readEpsilon, readSizes, readWidth } from "./fields.js";

export function clipConfig(fields: Fields): VisionModelConfig {
  const architecture = readArchitecture(fields);
  if (architecture === "CLIPForImageClassification")
    invalid("CLIPForImageClassification is not supported; CLIPModel and CLIPVisionModelWithProjection are");
  const whole = fields.value("model_type") === "clip";
  const vision = whole ? fields.object("vision_config") : fields;
  const { hiddenSize, heads } = readWidth(vision, { hidden: 768, heads: 12 });
  return {
    ...readSizes(vision, { image: 224, patch: 32 }),
    channels: vision.count("num_channels", 16, 3),
    hiddenSize,
    layers: vision.count("num_hidden_layers", limits.layers, 12),
    heads,
    intermediateSize: vision.count("intermediate_size", 8 * limits.hidden, 3072),
    activation: readActivation(vision, "quick_gelu"),
    layerNormEpsilon: readEpsilon(vision, 1e-5),
    qkvBias: true,
    distillationToken: false,
    distillationHead: false,
    pooling: "class",
    labels: [],
    patchBias: false,
    inputNorm: true,
    // CLIPVisionModel alone is saved without the projection.
    ...(architecture !== "CLIPVisionModel" && { projection: fields.count("projection_dim", limits.hidden, 512) }),
  };
}

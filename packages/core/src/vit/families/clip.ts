/**
 * The vision towers of CLIP, Chinese-CLIP and AltCLIP: `clip`, `chinese_clip` and `altclip` (the whole model's configuration),
 * and the same with `_vision_model` behind it.
 */
import { limits, type VisionModelConfig } from "../config.js";
import {
  type Fields,
  type Held,
  invalid,
  readActivation,
  readArchitecture,
  readEpsilon,
  readSizes,
  readWidth,
} from "./fields.js";

export function clipConfig(fields: Fields, held: Held): VisionModelConfig {
  const architecture = readArchitecture(fields);
  if (architecture === "CLIPForImageClassification")
    invalid("CLIPForImageClassification is not supported; CLIPModel and CLIPVisionModelWithProjection are");
  const type = String(fields.value("model_type"));
  const vision = type.endsWith("_vision_model") ? fields : visionFields(fields);
  const { hiddenSize, heads } = readWidth(vision, { hidden: 768, heads: 12 });
  // CLIPVisionModel alone is saved without the projection.
  const projected = held ? held.has("visual_projection.weight") : !architecture?.endsWith("VisionModel");
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
    ...(projected && {
      // The tensor's own rows: a tower alone has its width in one of two places.
      projection:
        held?.read?.("visual_projection.weight").shape[0] ??
        fields.count("projection_dim", limits.hidden, type.startsWith("altclip") ? 768 : 512),
    }),
  };
}

/** The tower's fields. Older files have them twice, and transformers takes `vision_config_dict`, alone. */
const visionFields = (fields: Fields): Fields =>
  fields.object(
    (fields.value("vision_config_dict") ?? undefined) === undefined ? "vision_config" : "vision_config_dict",
  );

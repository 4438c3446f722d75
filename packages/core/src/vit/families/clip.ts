/**
 * The vision towers of CLIP, Chinese-CLIP and AltCLIP. `clip`, `chinese_clip` and `altclip` configure the whole model with its
 * text tower; the same types ending in `_vision_model` configure the vision tower alone.
 */

import { processorDefaults } from "../../io/processor-defaults.js";
import { limits, type VisionModelConfig } from "../config.js";
import type { Family } from "../family.js";
import { type Fields, type Held, readArchitecture, readEncoder, requireVisionTower } from "../fields.js";
import { huggingFaceClassifiers, towerNames } from "../names.js";
import { exampleSizes } from "./example-sizes.js";

const readConfig = (fields: Fields, held: Held) => readTower(fields, held, { image: 224 });

/** The vision tower of CLIP, or of a model that was made of one. */
export function readTower(fields: Fields, held: Held, { image }: { readonly image: number }): VisionModelConfig {
  const type = String(fields.value("model_type"));
  const vision = type.endsWith("_vision_model") ? fields : visionFields(fields);
  requireVisionTower(held);
  // The classes that end in VisionModel are saved without the projection.
  const projected = held ? held.has("visual_projection.weight") : !readArchitecture(fields)?.endsWith("VisionModel");
  return {
    ...readEncoder(vision, {
      image,
      patch: 32,
      hidden: 768,
      layers: 12,
      heads: 12,
      activation: "quick_gelu",
      epsilon: 1e-5,
    }),
    intermediateSize: vision.count("intermediate_size", 8 * limits.hidden, 3072),
    qkvBias: true,
    labels: [],
    patchBias: false,
    inputNorm: true,
    hiddenStateBeforeNorm: true,
    ...(projected && {
      // The tensor's rows tell the width. A file keeps it inside or outside of its tower's fields.
      projection:
        held?.read?.("visual_projection.weight").shape[0] ??
        fields.count("projection_dim", limits.hidden, type.startsWith("altclip") ? 768 : 512),
    }),
  };
}

/** The tower's fields. Older files have them twice; then transformers reads `vision_config_dict` alone. */
const visionFields = (fields: Fields): Fields =>
  fields.object(
    (fields.value("vision_config_dict") ?? undefined) === undefined ? "vision_config" : "vision_config_dict",
  );

export const clip: Family = {
  title: "CLIP",
  modelTypes: {
    clip: { preprocessing: processorDefaults.CLIP!, transformersJs: true },
    clip_vision_model: { preprocessing: processorDefaults.CLIP!, transformersJs: true },
    chinese_clip: { preprocessing: processorDefaults.ChineseCLIP! },
    chinese_clip_vision_model: { preprocessing: processorDefaults.ChineseCLIP! },
    altclip: { preprocessing: processorDefaults.CLIP! },
    altclip_vision_model: { preprocessing: processorDefaults.CLIP! },
  },
  refused: { CLIPForImageClassification: "CLIPModel and CLIPVisionModelWithProjection are" },
  examples: [
    { model_type: "clip", vision_config: exampleSizes, projection_dim: 16 },
    { model_type: "clip_vision_model", ...exampleSizes },
  ],
  config: readConfig,
  // Version 5 of transformers saves AltCLIP with the second name.
  names: [towerNames("encoder.layers"), towerNames("encoder.layer")],
  classifiers: huggingFaceClassifiers,
  prefixes: ["vision_model"],
  roots: ["embeddings", "encoder", "pre_layrnorm", "pre_layernorm", "post_layernorm"],
  // The text tower, and the scale of the comparison with it.
  ignored: [/(^|\.)position_ids$/, /^text_/, /^logit_(scale|bias)$/],
};

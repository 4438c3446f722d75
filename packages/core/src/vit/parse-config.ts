/** Reads the `config.json` of any supported family. */
import { requireReadable } from "../options.js";
import { show } from "../show.js";
import type { VisionModelConfig } from "./config.js";
import { clipConfig } from "./families/clip.js";
import { dinov2Config } from "./families/dinov2.js";
import { type Fields, fieldsOf, invalid } from "./families/fields.js";
import { lvvitConfig, t2tConfig } from "./families/paper.js";
import { timmConfig } from "./families/timm.js";
import { maeConfig, vitConfig } from "./families/vit.js";

const families: Readonly<Record<string, (fields: Fields) => VisionModelConfig>> = {
  vit: vitConfig,
  deit: vitConfig,
  vit_mae: maeConfig,
  dinov2: dinov2Config,
  dinov2_with_registers: dinov2Config,
  clip: clipConfig,
  clip_vision_model: clipConfig,
  lvvit: lvvitConfig,
  t2t_vit: t2tConfig,
};

/**
 * Reads a `config.json`: of Hugging Face by its `model_type`, of timm by its `architecture`, and those of LV-ViT and
 * T2T-ViT that the README describes. Without either name it is taken for a ViT.
 * @throws PptError INVALID_CONFIG
 */
export function parseModelConfig(json: unknown): VisionModelConfig {
  requireReadable("parseModelConfig", json, "INVALID_CONFIG");
  const fields = fieldsOf(json);
  const type = fields.value("model_type");
  if (type === undefined) return fields.value("architecture") === undefined ? vitConfig(fields) : timmConfig(fields);
  if (typeof type === "string" && Object.hasOwn(families, type)) return families[type]!(fields);
  return invalid(`model_type ${show(type)} is not supported; ${Object.keys(families).join(", ")} are`);
}

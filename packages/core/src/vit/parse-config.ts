/** Reads the `config.json` of any supported family. */
import { requireWeights } from "../arguments.js";
import { requireReadable } from "../options.js";
import { show } from "../show.js";
import type { VisionModelConfig } from "./config.js";
import { clipConfig } from "./families/clip.js";
import { dinov2Config } from "./families/dinov2.js";
import { type Fields, fieldsOf, type Held, invalid, withoutClassifier } from "./families/fields.js";
import { lvvitConfig, t2tConfig } from "./families/paper.js";
import { isTimm, timmConfig } from "./families/timm.js";
import { maeConfig, vitConfig } from "./families/vit.js";
import { unwrapped, type WeightSource } from "./stored-names.js";

const families: Readonly<Record<string, (fields: Fields, held: Held) => VisionModelConfig>> = {
  vit: vitConfig,
  deit: vitConfig,
  vit_msn: vitConfig,
  vit_mae: maeConfig,
  dinov2: dinov2Config,
  dinov2_with_registers: dinov2Config,
  clip: clipConfig,
  clip_vision_model: clipConfig,
  chinese_clip: clipConfig,
  chinese_clip_vision_model: clipConfig,
  altclip: clipConfig,
  altclip_vision_model: clipConfig,
  timm_wrapper: timmConfig,
  lvvit: lvvitConfig,
  t2t_vit: t2tConfig,
};

export interface ParseOptions {
  /** Whether the classifier is read, and what the file says of its classes. Embeddings need neither. Default true. */
  readonly heads?: boolean;
}

/**
 * Reads a `config.json`: of Hugging Face by its `model_type`, of timm by its `architecture`, and those of LV-ViT and
 * T2T-ViT that the README describes. Without either name it is taken for a ViT.
 * `weights` decide which heads the model has. Without them the file's `architectures` does, which is missing or wrong in
 * many published checkpoints.
 * @throws PptError INVALID_CONFIG; INVALID_WEIGHTS where two tensors of `weights` have one name below their prefixes
 */
export function parseModelConfig(
  json: unknown,
  weights?: WeightSource,
  { heads = true }: ParseOptions = {},
): VisionModelConfig {
  requireReadable("parseModelConfig", json, "INVALID_CONFIG");
  if (weights !== undefined) requireWeights("parseModelConfig", weights);
  const fields = fieldsOf(json);
  const stored = weights && unwrapped(weights);
  const held = heads ? stored : withoutClassifier(stored);
  const type = fields.value("model_type") ?? undefined;
  if (isTimm(json)) return timmConfig(fields, held);
  if (type === undefined) return vitConfig(fields, held);
  if (typeof type === "string" && Object.hasOwn(families, type)) return families[type]!(fields, held);
  return invalid(`model_type ${show(type)} is not supported; ${Object.keys(families).join(", ")} are`);
}

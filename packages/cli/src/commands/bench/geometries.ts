/** Published geometries, measured with seeded random weights: the speed of a model does not depend on their values. */
import { PptError, parseModelConfig, type VisionModelConfig } from "@ppt-vit/core";

const imageNet = { image_size: 224, num_labels: 1000 };

/** DeiT (Touvron et al., arXiv 2012.12877). */
const deit = (hidden_size: number, num_attention_heads: number) => ({
  ...imageNet,
  model_type: "vit",
  hidden_size,
  num_hidden_layers: 12,
  num_attention_heads,
  intermediate_size: 4 * hidden_size,
  patch_size: 16,
  layer_norm_eps: 1e-6,
});

/** LV-ViT (Jiang et al., arXiv 2104.10858) and T2T-ViT (Yuan et al., arXiv 2101.11986) of width 384. */
const withDeepStem = (model_type: string, num_hidden_layers: number, more: object) => ({
  ...imageNet,
  model_type,
  hidden_size: 384,
  num_hidden_layers,
  num_attention_heads: 6,
  ...more,
});

/** DINOv2 at 518 pixels, as its checkpoints are stored (Oquab et al., arXiv 2304.07193). */
const dinov2 = {
  ...deit(384, 6),
  model_type: "dinov2",
  architectures: ["Dinov2ForImageClassification"],
  mlp_ratio: 4,
  image_size: 518,
  patch_size: 14,
  layerscale_value: 1,
};

/** The vision tower of SigLIP (Zhai et al., arXiv 2303.15343), whose other fields are the defaults of transformers. */
const siglip = (image_size: number) => ({ model_type: "siglip_vision_model", image_size });

/** DINOv3 (Siméoni et al., arXiv 2508.10104), whose other fields are the defaults of transformers: those of its S model. */
const dinov3 = { model_type: "dinov3_vit" };

/** Depth Anything V2, the small model at 518 pixels, which reads every third block (Yang et al., arXiv 2406.09414). */
const depthAnything = {
  model_type: "depth_anything",
  backbone_config: { ...dinov2, apply_layernorm: true, out_indices: [3, 6, 9, 12] },
};

/** The `config.json` of each geometry. One line adds one. */
const geometries: ReadonlyMap<string, Readonly<Record<string, unknown>>> = new Map([
  ["deit-ti", deit(192, 3)],
  ["deit-s", deit(384, 6)],
  ["deit-b", deit(768, 12)],
  ["vit-b", { ...deit(768, 12), layer_norm_eps: 1e-12 }],
  ["dinov2-s", dinov2],
  ["dinov3-s", dinov3],
  ["siglip-b", siglip(224)],
  ["siglip-b-384", siglip(384)],
  ["depth-anything-v2-s", depthAnything],
  ["lvvit-s", withDeepStem("lvvit", 16, { skip_lam: 2 })],
  ["t2t-vit-14", withDeepStem("t2t_vit", 14, { tokens_type: "performer" })],
]);

export const geometryNames: readonly string[] = [...geometries.keys()];

/** `config.json` of a geometry; undefined where none has this name. */
export const geometryJson = (name: string): Readonly<Record<string, unknown>> | undefined => geometries.get(name);

/** The same. @throws PptError INVALID_OPTION where none has this name */
export function requireGeometry(name: string): Readonly<Record<string, unknown>> {
  const json = geometries.get(name);
  if (json) return json;
  throw new PptError("INVALID_OPTION", `unknown geometry '${name}'; geometries are ${geometryNames.join(", ")}`);
}

/** The same as core reads it, a model's configuration. */
export function geometryConfig(name: string): VisionModelConfig | undefined {
  const json = geometries.get(name);
  return json && parseModelConfig(json);
}

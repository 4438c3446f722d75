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

/** What DINOv2's B and L models have of their own. */
const base = { hidden_size: 768, num_attention_heads: 12 };
const large = { hidden_size: 1024, num_attention_heads: 16, num_hidden_layers: 24 };

/** The vision tower of SigLIP (Zhai et al., arXiv 2303.15343), whose other fields are the defaults of transformers. */
const siglip = (image_size: number) => ({ model_type: "siglip_vision_model", image_size });

/** DINOv3 (Siméoni et al., arXiv 2508.10104), whose other fields are the defaults of transformers. */
const dinov3 = (hidden_size: number, num_attention_heads: number, num_hidden_layers = 12) => ({
  model_type: "dinov3_vit",
  hidden_size,
  num_attention_heads,
  num_hidden_layers,
  intermediate_size: 4 * hidden_size,
});

/** Depth Anything V2 at 518 pixels (Yang et al., arXiv 2406.09414): which blocks it reads, and the widths of its head. */
const depthAnything = (
  backbone: object,
  out_indices: readonly number[],
  neck_hidden_sizes: readonly number[],
  fusion_hidden_size: number,
) => ({
  model_type: "depth_anything",
  backbone_config: { ...dinov2, ...backbone, apply_layernorm: true, out_indices },
  neck_hidden_sizes,
  fusion_hidden_size,
});

type Json = Readonly<Record<string, unknown>>;

/** The `config.json` of each geometry. One line adds one. */
const geometries: ReadonlyMap<string, Json> = new Map<string, Json>([
  ["deit-ti", deit(192, 3)],
  ["deit-s", deit(384, 6)],
  ["deit-b", deit(768, 12)],
  ["vit-b", { ...deit(768, 12), layer_norm_eps: 1e-12 }],
  ["dinov2-s", dinov2],
  ["dinov3-s", dinov3(384, 6)],
  ["dinov3-b", dinov3(768, 12)],
  ["dinov3-l", dinov3(1024, 16, 24)],
  ["siglip-b", siglip(224)],
  ["siglip-b-384", siglip(384)],
  ["depth-anything-v2-s", depthAnything({}, [3, 6, 9, 12], [48, 96, 192, 384], 64)],
  ["depth-anything-v2-b", depthAnything(base, [3, 6, 9, 12], [96, 192, 384, 768], 128)],
  ["depth-anything-v2-l", depthAnything(large, [5, 12, 18, 24], [256, 512, 1024, 1024], 256)],
  ["lvvit-s", withDeepStem("lvvit", 16, { skip_lam: 2 })],
  ["t2t-vit-14", withDeepStem("t2t_vit", 14, { tokens_type: "performer" })],
]);

export const geometryNames: readonly string[] = [...geometries.keys()];

/** `config.json` of a geometry; undefined where none has this name. */
export const geometryJson = (name: string): Json | undefined => geometries.get(name);

/** The same. @throws PptError INVALID_OPTION where none has this name */
export function requireGeometry(name: string): Json {
  const json = geometries.get(name);
  if (json) return json;
  throw new PptError("INVALID_OPTION", `unknown geometry '${name}'; geometries are ${geometryNames.join(", ")}`);
}

/** The same as core reads it, a model's configuration. */
export function geometryConfig(name: string): VisionModelConfig | undefined {
  const json = geometries.get(name);
  return json && parseModelConfig(json);
}

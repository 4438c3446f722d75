/** timm's models, also inside transformers' wrapper (`timm_wrapper`). */
import { processorDefaults } from "../../io/processor-defaults.js";
import type { LazyFamily } from "../family.js";
import { fusedClassifiers, fusedRoots, type NameSet } from "../names.js";
import { evaNames } from "./timm-eva.js";

const names: NameSet = (config, held) => {
  const names = evaNames(config, held);
  // timm calls the norm fc_norm if it follows pooling. If the head reads the class token, it is the same norm.
  return held?.has("fc_norm.weight") && !held.has("norm.weight") ? { ...names, norm: "fc_norm" } : names;
};

const small = { embed_dim: 24, depth: 2, num_heads: 3 };

export const timm: LazyFamily = {
  title: "timm",
  // transformers' wrapper of timm's models.
  modelTypes: { timm_wrapper: { preprocessing: processorDefaults.ViT! } },
  recognises: (fields) => (fields.value("architecture") ?? undefined) !== undefined,
  examples: [
    { architecture: "vit_tiny_patch16_224", num_classes: 5, model_args: { ...small, img_size: 32 } },
    { architecture: "deit3_small_patch16_224", num_classes: 5, model_args: { ...small, img_size: 32 } },
    { architecture: "vit_base_patch16_siglip_224", num_classes: 5, model_args: { ...small, img_size: 32 } },
    { architecture: "vit_base_patch16_siglip_224", num_classes: 0, model_args: { ...small, img_size: 32 } },
    { architecture: "vit_small_patch14_reg4_dinov2", num_classes: 0, model_args: { ...small, img_size: 28 } },
    { architecture: "eva02_tiny_patch14_224", num_classes: 5, model_args: { ...small, img_size: 28 } },
    { architecture: "eva02_base_patch14_448", num_classes: 5, model_args: { ...small, img_size: 28 } },
    { architecture: "vit_small_plus_patch16_dinov3", num_classes: 0, model_args: { ...small, img_size: 32 } },
  ],
  names: [names],
  classifiers: fusedClassifiers,
  prefixes: ["timm_model"],
  roots: [...fusedRoots, "dist_token", "reg_token", "register_tokens", "rope", "norm_pre", "fc_norm", "attn_pool"],
  ignored: [/^pre_logits\./],
  // Layer scale has this name in the checkpoints of DeiT III's authors. timm renames it while loading.
  renamed: [[/^(blocks\.\d+)\.gamma_([12])$/, "$1.ls$2.gamma"]],
  loadReader: async () => (await import(/* lazy */ "./timm-reader.js")).reader,
};

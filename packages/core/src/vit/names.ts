/** What libraries call the weights of a Vision Transformer. */
import { PptError } from "../errors.js";
import { show } from "../show.js";
import type { VisionModelConfig } from "./config.js";
import type { UnwrappedWeights } from "./stored-names.js";

/** The parameters of one block, as the program names them. */
export type BlockPart = "norm1" | "query" | "key" | "value" | "output" | "norm2" | "gate" | "fc1" | "fc2";

/** A tensor, or one of the equal parts that several parameters share, by rows: the second of three. */
export type Place = string | { readonly name: string; readonly part: number; readonly of: number };

/** Names without ".weight" and ".bias". */
export interface Names {
  readonly classToken: string;
  readonly distillationToken: string;
  readonly registerTokens: string;
  readonly positions: string;
  readonly patchEmbedding: string;
  readonly inputNorm: string;
  readonly norm: string;
  readonly head: string;
  readonly distillationHead: string;
  readonly denseHead: string;
  readonly projection: string;
  /** Prefix of a convolution or of a step of the tokens-to-token stem. */
  readonly stem: string;
  block(layer: number, part: BlockPart): Place;
  /** Layer scale of the attention and of the MLP, whole names. */
  layerScale(layer: number): readonly [string, string];
}

/** One library's names. `held` are the tensors that a checkpoint has. */
type Library = (config: VisionModelConfig, held?: { has(name: string): boolean }) => Names;

const third = (name: string, part: 0 | 1 | 2): Place => ({ name, part, of: 3 });
const half = (name: string, part: 0 | 1): Place => ({ name, part, of: 2 });

type BlockNames = Readonly<Record<Exclude<BlockPart, "gate">, Place>> & { readonly gate?: Place };

/** Places under the path of a block. */
const inBlock = (path: string, place: Place): Place =>
  typeof place === "string" ? `${path}${place}` : { ...place, name: `${path}${place.name}` };

const blockNames = (path: (layer: number) => string, parts: BlockNames) => (layer: number, part: BlockPart) =>
  inBlock(path(layer), parts[part] ?? parts.fc1);

/** What Hugging Face's ViT, DeiT, MAE and DINOv2 have in common, in all versions. */
function hugging(config: VisionModelConfig): Omit<Names, "block"> {
  return {
    classToken: "embeddings.cls_token",
    distillationToken: "embeddings.distillation_token",
    registerTokens: "embeddings.register_tokens",
    positions: "embeddings.position_embeddings",
    patchEmbedding: "embeddings.patch_embeddings.projection",
    inputNorm: "pre_layernorm",
    norm: "layernorm",
    head: config.distillationHead ? "cls_classifier" : "classifier",
    distillationHead: "distillation_classifier",
    denseHead: "dense_classifier",
    projection: "visual_projection",
    stem: "embeddings.stem.",
    layerScale: (layer) => [
      `encoder.layer.${layer}.layer_scale1.lambda1`,
      `encoder.layer.${layer}.layer_scale2.lambda1`,
    ],
  };
}

const attention4 = {
  query: "attention.attention.query",
  key: "attention.attention.key",
  value: "attention.attention.value",
  output: "attention.output.dense",
} as const;

const attention5 = {
  query: "attention.q_proj",
  key: "attention.k_proj",
  value: "attention.v_proj",
  output: "attention.o_proj",
} as const;

/** ViT, DeiT and MAE up to version 4 of transformers: the names of nearly all checkpoints on the Hub. */
const vit4: Library = (config) => ({
  ...hugging(config),
  block: blockNames((layer) => `encoder.layer.${layer}.`, {
    ...attention4,
    norm1: "layernorm_before",
    norm2: "layernorm_after",
    fc1: "intermediate.dense",
    fc2: "output.dense",
  }),
});

/** The same since version 5. */
const vit5: Library = (config) => ({
  ...hugging(config),
  block: blockNames((layer) => `layers.${layer}.`, {
    ...attention5,
    norm1: "layernorm_before",
    norm2: "layernorm_after",
    fc1: "mlp.fc1",
    fc2: "mlp.fc2",
  }),
});

/** DINOv2 up to version 4. */
const dinov2Of4: Library = (config) => ({
  ...hugging(config),
  block: blockNames((layer) => `encoder.layer.${layer}.`, {
    ...attention4,
    norm1: "norm1",
    norm2: "norm2",
    ...(config.mlp === "swiglu"
      ? { gate: half("mlp.weights_in", 0), fc1: half("mlp.weights_in", 1), fc2: "mlp.weights_out" }
      : { fc1: "mlp.fc1", fc2: "mlp.fc2" }),
  }),
});

/** DINOv2 since version 5. */
const dinov2Of5: Library = (config) => ({
  ...hugging(config),
  block: blockNames((layer) => `encoder.layer.${layer}.`, {
    ...attention5,
    norm1: "norm1",
    norm2: "norm2",
    ...(config.mlp === "swiglu"
      ? { gate: "mlp.gate_proj", fc1: "mlp.up_proj", fc2: "mlp.down_proj" }
      : { fc1: "mlp.fc1", fc2: "mlp.fc2" }),
  }),
});

/** The vision tower of CLIP and its kin, inside the whole model or alone. */
const clipIn =
  (blocks: string): Library =>
  (config) => ({
    ...hugging(config),
    classToken: "embeddings.class_embedding",
    positions: "embeddings.position_embedding.weight",
    patchEmbedding: "embeddings.patch_embedding",
    // Misspelt in the original, and so in every checkpoint.
    inputNorm: "pre_layrnorm",
    norm: "post_layernorm",
    block: blockNames((layer) => `${blocks}.${layer}.`, {
      norm1: "layer_norm1",
      query: "self_attn.q_proj",
      key: "self_attn.k_proj",
      value: "self_attn.v_proj",
      output: "self_attn.out_proj",
      norm2: "layer_norm2",
      fc1: "mlp.fc1",
      fc2: "mlp.fc2",
    }),
  });

const clip = clipIn("encoder.layers");

/** AltCLIP, as version 5 of transformers saves it. */
const altclipOf5 = clipIn("encoder.layer");

/** timm, and what is built on it: the original LV-ViT and T2T-ViT, and fine-tuned MAE. */
const timm: Library = (config, held) => ({
  classToken: "cls_token",
  distillationToken: "dist_token",
  registerTokens: "reg_token",
  positions: "pos_embed",
  patchEmbedding: config.stem?.kind === "tokens-to-token" ? "tokens_to_token.project" : "patch_embed.proj",
  inputNorm: "norm_pre",
  // With fc_norm over the class token timm stores the same norm under the other name.
  norm: config.pooling === "mean" || (held?.has("fc_norm.weight") && !held.has("norm.weight")) ? "fc_norm" : "norm",
  head: "head",
  distillationHead: "head_dist",
  denseHead: "aux_head",
  projection: "head",
  stem: config.stem?.kind === "tokens-to-token" ? "tokens_to_token." : "patch_embed.",
  layerScale: (layer) => [`blocks.${layer}.ls1.gamma`, `blocks.${layer}.ls2.gamma`],
  block: blockNames((layer) => `blocks.${layer}.`, {
    norm1: "norm1",
    query: third("attn.qkv", 0),
    key: third("attn.qkv", 1),
    value: third("attn.qkv", 2),
    output: "attn.proj",
    norm2: "norm2",
    ...(config.mlp === "swiglu"
      ? { gate: half("mlp.fc1", 0), fc1: half("mlp.fc1", 1), fc2: "mlp.fc2" }
      : { fc1: "mlp.fc1", fc2: "mlp.fc2" }),
  }),
});

/** The names of timm, whatever a checkpoint uses. */
export const namesOfTimm = (config: VisionModelConfig): Names => timm(config);

const libraries = [vit4, vit5, dinov2Of4, dinov2Of5, clip, altclipOf5, timm];

/** The first tensor that a place lies in. */
export const tensorName = (place: Place): string => (typeof place === "string" ? place : place.name);

/** So many names of a strange checkpoint an error shows. */
const shown = 4;

/**
 * The names that a checkpoint uses, found by its class token and its first block.
 * @throws PptError INVALID_WEIGHTS where they belong to no known library
 */
export function namesIn(weights: UnwrappedWeights, config: VisionModelConfig): Names {
  const all = libraries.map((library) => library(config, weights));
  const start = ({ classToken, patchEmbedding }: Names) =>
    config.classToken === false ? `${patchEmbedding}.weight` : classToken;
  const candidates = all.filter((names) => weights.has(start(names)));
  const parts = ["query", "norm1", "fc1"] as const;
  const complete = candidates.find((names) =>
    parts.every((part) => weights.has(`${tensorName(names.block(0, part))}.weight`)),
  );
  // Where a block lacks something, the names of the best known library say what is missing.
  const found = complete ?? candidates[0];
  if (found) return found;
  const some = weights.names.slice(0, shown).map((name) => show(weights.storedName(name)));
  const held =
    weights.names.length > shown ? `${some.join(", ")} and ${weights.names.length - shown} more` : some.join(", ");
  throw new PptError(
    "INVALID_WEIGHTS",
    `weights: found neither 'embeddings.cls_token' (Hugging Face ViT, DeiT, DINOv2), 'embeddings.class_embedding' (CLIP) nor 'cls_token' (timm): not a ViT checkpoint. It holds ${held || "no tensor"}`,
  );
}

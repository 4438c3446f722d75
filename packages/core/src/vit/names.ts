/** How a checkpoint names the weights of a Vision Transformer: what a family says of it, and what several families share. */
import type { VisionModelConfig } from "./config.js";

/** The parameters of one block, as the program names them. */
export type BlockPart = "norm1" | "query" | "key" | "value" | "output" | "norm2" | "gate" | "fc1" | "fc2";

/** A tensor; or one part of a tensor that several parameters share, cut by rows into `of` equal parts. */
export type Place = string | { readonly name: string; readonly part: number; readonly of: number };

/** Names without ".weight" and ".bias". A name of something that the model lacks is never looked for. */
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
  /** What stands in front of a block's number: `encoder.layer` in `encoder.layer.0.norm1.weight`. */
  readonly blocks: string;
  /** Parts of a block, below its number. A gate is named only where the MLP has one. */
  readonly block: Readonly<Record<Exclude<BlockPart, "gate">, Place>> & { readonly gate?: Place };
  /** Layer scale of the attention and of the MLP below the block's number, whole names. */
  readonly layerScale: readonly [attention: string, mlp: string];
}

/**
 * The names that one library, or one version of it, gives to the tensors of a family. `held` are the tensors of the
 * checkpoint at hand.
 */
export type NameSet = (config: VisionModelConfig, held?: { has(name: string): boolean }) => Names;

/** The second of three equal parts of a tensor: `partOf("attn.qkv", 1, 3)`. */
export const partOf = (name: string, part: number, of: number): Place => ({ name, part, of });

/** The tensor that a place lies in. */
export const tensorName = (place: Place): string => (typeof place === "string" ? place : place.name);

/** What stands in front of the names of a block's parts: `encoder.layer.0.` */
export const blockPath = ({ blocks }: Names, layer: number): string => `${blocks}.${layer}.`;

/** Where a part of a block lies; undefined where these names have none. */
export function blockPlace(names: Names, layer: number, part: BlockPart): Place | undefined {
  const place = names.block[part];
  if (place === undefined) return undefined;
  const path = blockPath(names, layer);
  return typeof place === "string" ? `${path}${place}` : { ...place, name: `${path}${place.name}` };
}

/** What most models of Hugging Face call all but their blocks, and `encoder.layer` for these. */
export const huggingFaceNames = ({ distillationHead }: VisionModelConfig): Omit<Names, "block"> => ({
  classToken: "embeddings.cls_token",
  distillationToken: "embeddings.distillation_token",
  registerTokens: "embeddings.register_tokens",
  positions: "embeddings.position_embeddings",
  patchEmbedding: "embeddings.patch_embeddings.projection",
  inputNorm: "pre_layernorm",
  norm: "layernorm",
  head: distillationHead ? "cls_classifier" : "classifier",
  distillationHead: "distillation_classifier",
  denseHead: "dense_classifier",
  projection: "visual_projection",
  blocks: "encoder.layer",
  layerScale: ["layer_scale1.lambda1", "layer_scale2.lambda1"],
});

/** The attention of Hugging Face's models up to version 4 of transformers, the names of nearly all files on the Hub. */
export const attentionOfTransformers4 = {
  query: "attention.attention.query",
  key: "attention.attention.key",
  value: "attention.attention.value",
  output: "attention.output.dense",
} as const;

/** The same since version 5. */
export const attentionOfTransformers5 = {
  query: "attention.q_proj",
  key: "attention.k_proj",
  value: "attention.v_proj",
  output: "attention.o_proj",
} as const;

/** The weights of classifiers in Hugging Face's models: `classifier`, or `cls_classifier` beside a second head. */
export const huggingFaceClassifiers = ["classifier.weight", "cls_classifier.weight"] as const;

/**
 * The names of the first published ViT in PyTorch, which timm has, and the models built on its code: one tensor holds query,
 * key and value. Random weights have these names too.
 */
export const fusedNames: NameSet = ({ pooling, mlp }) => ({
  classToken: "cls_token",
  distillationToken: "dist_token",
  registerTokens: "reg_token",
  positions: "pos_embed",
  patchEmbedding: "patch_embed.proj",
  inputNorm: "norm_pre",
  norm: pooling === "mean" ? "fc_norm" : "norm",
  head: "head",
  distillationHead: "head_dist",
  denseHead: "aux_head",
  projection: "head",
  blocks: "blocks",
  layerScale: ["ls1.gamma", "ls2.gamma"],
  block: {
    norm1: "norm1",
    query: partOf("attn.qkv", 0, 3),
    key: partOf("attn.qkv", 1, 3),
    value: partOf("attn.qkv", 2, 3),
    output: "attn.proj",
    norm2: "norm2",
    ...(mlp === "swiglu" ? { gate: partOf("mlp.fc1", 0, 2), fc1: partOf("mlp.fc1", 1, 2) } : { fc1: "mlp.fc1" }),
    fc2: "mlp.fc2",
  },
});

/** The weight of a classifier in models with fused names. */
export const fusedClassifiers = ["head.weight"] as const;

/** First words of the names in models with fused names. */
export const fusedRoots = ["patch_embed", "cls_token", "pos_embed", "pos_drop", "blocks", "norm"] as const;

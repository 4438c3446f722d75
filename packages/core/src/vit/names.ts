/** What the tensors of a checkpoint are called: the form in which a family says it, and names that several families share. */
import type { BlockLayer, VisionModelConfig } from "./config.js";

/** The parameters of one block, as the program names them. */
export type BlockPart = BlockLayer | "norm1" | "norm2" | "mlpNorm";

/**
 * A tensor; or one part of a tensor that several parameters share, cut by rows into `of` equal parts. `bias` is the whole name of
 * the tensor of biases, where that is not shared.
 */
export type Place =
  | string
  | { readonly name: string; readonly part: number; readonly of: number; readonly bias?: string | undefined };

/** The tensors of an attention-pooling head, by whole names. `probe` is a whole tensor; the others have weights and biases. */
export interface AttentionPoolNames extends Readonly<Record<(typeof poolParts)[number], Place>> {
  readonly probe: string;
}

/** The layers of an attention-pooling head. */
export const poolParts = ["query", "key", "value", "output", "norm2", "fc1", "fc2"] as const;

/** Names without `.weight` and `.bias`. If a model lacks a part, its name here is not used. */
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
  /** Left out if no checkpoint with these names has such a head. */
  readonly attentionPool?: AttentionPoolNames;
  /** What stands in front of a block's number: `encoder.layer` in `encoder.layer.0.norm1.weight`. */
  readonly blocks: string;
  /** Parts of a block, below its number. `gate` and `mlpNorm` are left out if the MLP has none. */
  readonly block: Readonly<Record<Exclude<BlockPart, "gate" | "mlpNorm">, Place>> & {
    readonly gate?: Place;
    readonly mlpNorm?: Place;
  };
  /** Layer scale of the attention and of the MLP, below the block's number. These are whole names. */
  readonly layerScale: readonly [attention: string, mlp: string];
}

/**
 * The names that one library, or one version of it, gives to the tensors of a family. `held` tells which tensors the
 * checkpoint has.
 */
export type NameSet = (config: VisionModelConfig, held?: { has(name: string): boolean }) => Names;

/** A part of a shared tensor. `partOf("attn.qkv", 1, 3)` is the second of three equal parts. */
export const partOf = (name: string, part: number, of: number, bias?: string): Place => ({
  name,
  part,
  of,
  ...(bias !== undefined && { bias }),
});

/** The tensor that a place lies in. */
export const tensorName = (place: Place): string => (typeof place === "string" ? place : place.name);

/** What all names of one block begin with: `encoder.layer.0.` */
export const blockPath = ({ blocks }: Names, layer: number): string => `${blocks}.${layer}.`;

/** Where a part of a block lies. Undefined if the blocks of this library have no such part. */
export function blockPlace(names: Names, layer: number, part: BlockPart): Place | undefined {
  const place = names.block[part];
  if (place === undefined) return undefined;
  const path = blockPath(names, layer);
  if (typeof place === "string") return `${path}${place}`;
  return { ...place, name: `${path}${place.name}`, ...(place.bias !== undefined && { bias: `${path}${place.bias}` }) };
}

/** Names of everything but the parts of blocks, as most models of Hugging Face have them. */
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

/** Names of the attention up to version 4 of transformers. Nearly all files on the Hub have them. */
export const attentionOfTransformers4 = {
  query: "attention.attention.query",
  key: "attention.attention.key",
  value: "attention.attention.value",
  output: "attention.output.dense",
} as const;

/** Names of the attention since version 5. */
export const attentionOfTransformers5 = {
  query: "attention.q_proj",
  key: "attention.k_proj",
  value: "attention.v_proj",
  output: "attention.o_proj",
} as const;

const vitNorms = { norm1: "layernorm_before", norm2: "layernorm_after" } as const;

/** Up to version 4 of transformers. Version 5 still saves these names. */
const transformers4: NameSet = (config) => ({
  ...huggingFaceNames(config),
  block: { ...attentionOfTransformers4, ...vitNorms, fc1: "intermediate.dense", fc2: "output.dense" },
});

/** What the modules of version 5 are called. */
const transformers5: NameSet = (config) => ({
  ...huggingFaceNames(config),
  blocks: "layers",
  block: { ...attentionOfTransformers5, ...vitNorms, fc1: "mlp.fc1", fc2: "mlp.fc2" },
});

/** The names of ViT and of models that transformers derives from it. */
export const vitNames: readonly NameSet[] = [transformers4, transformers5];

/**
 * The names of the vision towers of CLIP and its relatives in transformers. Numbers of blocks follow `blocks`. SigLIP has no class
 * token, and a head that pools by attention.
 */
export const towerNames =
  (blocks: string): NameSet =>
  (config) => ({
    ...huggingFaceNames(config),
    classToken: "embeddings.class_embedding",
    positions: "embeddings.position_embedding.weight",
    patchEmbedding: "embeddings.patch_embedding",
    // Misspelt in the original code, and therefore in every checkpoint.
    inputNorm: "pre_layrnorm",
    norm: "post_layernorm",
    attentionPool: {
      probe: "head.probe",
      query: partOf("head.attention.in_proj", 0, 3),
      key: partOf("head.attention.in_proj", 1, 3),
      value: partOf("head.attention.in_proj", 2, 3),
      output: "head.attention.out_proj",
      norm2: "head.layernorm",
      fc1: "head.mlp.fc1",
      fc2: "head.mlp.fc2",
    },
    blocks,
    block: {
      norm1: "layer_norm1",
      query: "self_attn.q_proj",
      key: "self_attn.k_proj",
      value: "self_attn.v_proj",
      output: "self_attn.out_proj",
      norm2: "layer_norm2",
      fc1: "mlp.fc1",
      fc2: "mlp.fc2",
    },
  });

/** The weight of a classifier in models of Hugging Face. `cls_classifier` has a second head beside it. */
export const huggingFaceClassifiers = ["classifier.weight", "cls_classifier.weight"] as const;

/**
 * The names that timm uses, and authors who built on its code. One tensor holds query, key and value: hence fused. Random
 * weights have these names too.
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
  attentionPool: {
    probe: "attn_pool.latent",
    query: "attn_pool.q",
    key: partOf("attn_pool.kv", 0, 2),
    value: partOf("attn_pool.kv", 1, 2),
    output: "attn_pool.proj",
    norm2: "attn_pool.norm",
    fc1: "attn_pool.mlp.fc1",
    fc2: "attn_pool.mlp.fc2",
  },
  block: {
    norm1: "norm1",
    query: partOf("attn.qkv", 0, 3),
    key: partOf("attn.qkv", 1, 3),
    value: partOf("attn.qkv", 2, 3),
    output: "attn.proj",
    norm2: "norm2",
    ...(mlp === "swiglu" ? { gate: partOf("mlp.fc1", 0, 2), fc1: partOf("mlp.fc1", 1, 2) } : { fc1: "mlp.fc1" }),
    mlpNorm: "mlp.norm",
    fc2: "mlp.fc2",
  },
});

/** The weight of a classifier in models with fused names. */
export const fusedClassifiers = ["head.weight"] as const;

/** First words of all names in models with fused names. */
export const fusedRoots = ["patch_embed", "cls_token", "pos_embed", "pos_drop", "blocks", "norm"] as const;

/** Finds a model's parameters under the names of Hugging Face or timm and checks each of them. */
import type { HostTensor, Shape, Tensors } from "../backend.js";
import { PptError } from "../errors.js";
import { sameShape, showShape, sizeOf } from "../shape.js";
import { patchCount, specialTokens, type VisionModelConfig } from "./config.js";

/** Named tensors of a checkpoint; `SafetensorsFile` is one. */
export interface WeightSource {
  has(name: string): boolean;
  /** @throws PptError where the tensor is missing or not a float tensor. */
  read(name: string): HostTensor;
}

/** A checkpoint that already lies in memory. */
export function weightsFrom(tensors: Tensors<HostTensor>): WeightSource {
  const named = new Map(Object.entries(tensors));
  return {
    has: (name) => named.has(name),
    read: (name) => named.get(name) ?? missing(name),
  };
}

function missing(name: string): never {
  throw new PptError("INVALID_WEIGHTS", `weights: tensor '${name}' is missing`);
}

/** The parameters of one block, as the program names them. */
type BlockPart = "norm1" | "query" | "key" | "value" | "output" | "norm2" | "fc1" | "fc2";

/** A checkpoint's names for the things that a ViT consists of. Names are without `.weight` and `.bias`. */
interface Naming {
  readonly classToken: string;
  readonly distillationToken: string;
  readonly positions: string;
  readonly patchEmbedding: string;
  readonly norm: string;
  readonly head: string;
  readonly distillationHead: string;
  /** `rows` picks one third of a fused query-key-value projection. */
  block(layer: number, part: BlockPart): { name: string; rows?: 0 | 1 | 2 };
}

function huggingFaceNaming(prefix: string, config: VisionModelConfig): Naming {
  const parts: Record<BlockPart, string> = {
    norm1: "layernorm_before",
    query: "attention.attention.query",
    key: "attention.attention.key",
    value: "attention.attention.value",
    output: "attention.output.dense",
    norm2: "layernorm_after",
    fc1: "intermediate.dense",
    fc2: "output.dense",
  };
  return {
    classToken: `${prefix}embeddings.cls_token`,
    distillationToken: `${prefix}embeddings.distillation_token`,
    positions: `${prefix}embeddings.position_embeddings`,
    patchEmbedding: `${prefix}embeddings.patch_embeddings.projection`,
    norm: `${prefix}layernorm`,
    head: config.distillationHead ? "cls_classifier" : "classifier",
    distillationHead: "distillation_classifier",
    block: (layer, part) => ({ name: `${prefix}encoder.layer.${layer}.${parts[part]}` }),
  };
}

function timmNaming(config: VisionModelConfig): Naming {
  const parts: Record<BlockPart, string> = {
    norm1: "norm1",
    query: "attn.qkv",
    key: "attn.qkv",
    value: "attn.qkv",
    output: "attn.proj",
    norm2: "norm2",
    fc1: "mlp.fc1",
    fc2: "mlp.fc2",
  };
  const rows = { query: 0, key: 1, value: 2 } as const;
  return {
    classToken: "cls_token",
    distillationToken: "dist_token",
    positions: "pos_embed",
    patchEmbedding: "patch_embed.proj",
    norm: config.pooling === "mean" ? "fc_norm" : "norm",
    head: "head",
    distillationHead: "head_dist",
    block(layer, part) {
      const name = `blocks.${layer}.${parts[part]}`;
      return part === "query" || part === "key" || part === "value" ? { name, rows: rows[part] } : { name };
    },
  };
}

/** @throws PptError INVALID_WEIGHTS where the names belong to neither library. */
function namingOf(weights: WeightSource, config: VisionModelConfig): Naming {
  for (const prefix of ["vit.", "deit.", ""])
    if (weights.has(`${prefix}embeddings.cls_token`)) return huggingFaceNaming(prefix, config);
  if (weights.has("cls_token")) return timmNaming(config);
  throw new PptError(
    "INVALID_WEIGHTS",
    "weights: found neither 'embeddings.cls_token' (Hugging Face ViT, DeiT) nor 'cls_token' (timm): not a ViT checkpoint",
  );
}

/**
 * All parameters of the program, by its own names, in the layout it reads:
 * `patchEmbedding.weight [C, 3 p p]`, `positions [N, C]` with the special tokens already added to their rows,
 * `blocks.i.{norm1,query,key,value,output,norm2,fc1,fc2}.{weight,bias}`, `norm.*`, `head.*`, `distillationHead.*`.
 * @throws PptError INVALID_WEIGHTS, naming the tensor that is missing, of another shape or not finite.
 */
export function readParameters(weights: WeightSource, config: VisionModelConfig): Record<string, HostTensor> {
  const naming = namingOf(weights, config);
  const { hiddenSize: C, intermediateSize: hidden, channels, patchSize } = config;
  const surplus = `${naming.block(config.layers, "norm1").name}.weight`;
  if (weights.has(surplus))
    throw new PptError(
      "INVALID_WEIGHTS",
      `weights: tensor '${surplus}' belongs to a block beyond the config's ${config.layers}`,
    );
  const labels = config.labels.length;
  const parameters: Record<string, HostTensor> = {};

  // Fused projections are read once and cut thrice.
  let fused: { name: string; tensor: HostTensor } | undefined;
  const readWhole = (name: string, shape: Shape): HostTensor => {
    if (fused?.name !== name) fused = { name, tensor: checkedTensor(weights, name, shape) };
    return fused.tensor;
  };
  const readRows = (name: string, shape: Shape, rows: 0 | 1 | 2 | undefined): HostTensor => {
    if (rows === undefined) return checkedTensor(weights, name, shape);
    const whole = readWhole(name, [3 * shape[0]!, ...shape.slice(1)]);
    const size = sizeOf(shape);
    return { shape, data: whole.data.subarray(rows * size, (rows + 1) * size) };
  };

  const linear = (key: string, name: string, O: number, I: number) => {
    parameters[`${key}.weight`] = checkedTensor(weights, `${name}.weight`, [O, I]);
    parameters[`${key}.bias`] = checkedTensor(weights, `${name}.bias`, [O]);
  };
  const norm = (key: string, name: string) => {
    parameters[`${key}.weight`] = checkedTensor(weights, `${name}.weight`, [C]);
    parameters[`${key}.bias`] = checkedTensor(weights, `${name}.bias`, [C]);
  };

  const patch = checkedTensor(weights, `${naming.patchEmbedding}.weight`, [C, channels, ...patchSize]);
  parameters["patchEmbedding.weight"] = { shape: [C, channels * patchSize[0] * patchSize[1]], data: patch.data };
  parameters["patchEmbedding.bias"] = checkedTensor(weights, `${naming.patchEmbedding}.bias`, [C]);
  parameters.positions = positionTable(weights, naming, config);

  for (let layer = 0; layer < config.layers; layer++) {
    const at = (part: BlockPart) => `blocks.${layer}.${part}`;
    norm(at("norm1"), naming.block(layer, "norm1").name);
    // Weights of all three first, then the biases: a fused tensor is then read once.
    for (const suffix of config.qkvBias ? ["weight", "bias"] : ["weight"])
      for (const part of ["query", "key", "value"] as const) {
        const { name, rows } = naming.block(layer, part);
        parameters[`${at(part)}.${suffix}`] = readRows(`${name}.${suffix}`, suffix === "weight" ? [C, C] : [C], rows);
      }
    linear(at("output"), naming.block(layer, "output").name, C, C);
    norm(at("norm2"), naming.block(layer, "norm2").name);
    linear(at("fc1"), naming.block(layer, "fc1").name, hidden, C);
    linear(at("fc2"), naming.block(layer, "fc2").name, C, hidden);
  }

  norm("norm", naming.norm);
  linear("head", naming.head, labels, C);
  if (config.distillationHead) linear("distillationHead", naming.distillationHead, labels, C);
  return parameters;
}

/** positions [N, C]: the position embeddings, with the class and distillation token added to the first rows. */
function positionTable(weights: WeightSource, naming: Naming, config: VisionModelConfig): HostTensor {
  const { hiddenSize: C } = config;
  const special = specialTokens(config);
  const N = special + patchCount(config);
  const data = checkedTensor(weights, naming.positions, [1, N, C]).data.slice();
  [naming.classToken, naming.distillationToken].slice(0, special).forEach((name, row) => {
    const token = checkedTensor(weights, name, [1, 1, C]).data;
    for (let c = 0; c < C; c++) data[row * C + c]! += token[c]!;
  });
  return { shape: [N, C], data };
}

/** @throws PptError INVALID_WEIGHTS */
function checkedTensor(weights: WeightSource, name: string, shape: Shape): HostTensor {
  if (!weights.has(name)) missing(name);
  const tensor = weights.read(name);
  if (!sameShape(tensor.shape, shape) || tensor.data.length !== sizeOf(shape))
    throw new PptError(
      "INVALID_WEIGHTS",
      `weights: tensor '${name}' has shape ${showShape(tensor.shape)}, the config asks for ${showShape(shape)}`,
    );
  requireFinite(name, tensor.data);
  return tensor;
}

function requireFinite(name: string, data: Float32Array): void {
  // A plain loop: findIndex with a callback takes ten times as long, and a checkpoint has up to 300 M values.
  for (let i = 0; i < data.length; i++)
    if (!Number.isFinite(data[i]!))
      throw new PptError("INVALID_WEIGHTS", `weights: tensor '${name}' holds ${data[i]} at element ${i}`);
}

/** The geometry of a plain Vision Transformer, read from a Hugging Face `config.json`. */
import type { Activation } from "../backend.js";
import { PptError } from "../errors.js";
import { show } from "../show.js";

export interface VisionModelConfig {
  /** Pixels, height and width. */
  readonly imageSize: readonly [number, number];
  readonly patchSize: readonly [number, number];
  readonly channels: number;
  /** Width C of a token. */
  readonly hiddenSize: number;
  /** Number of blocks. */
  readonly layers: number;
  readonly heads: number;
  /** Width of the MLP's hidden layer. */
  readonly intermediateSize: number;
  readonly activation: Activation;
  readonly layerNormEpsilon: number;
  readonly qkvBias: boolean;
  /** DeiT's second special token. */
  readonly distillationToken: boolean;
  /** The distillation token has a head of its own, and the logits are the mean of both heads. */
  readonly distillationHead: boolean;
  /** What the head reads: the class token, or the mean of the patch tokens weighted by their sizes. */
  readonly pooling: "class" | "mean";
  /** Class names, in the order of the logits. */
  readonly labels: readonly string[];
}

/** Class and distillation token, in front of the patches. */
export const specialTokens = (config: VisionModelConfig): number => (config.distillationToken ? 2 : 1);

/** Patches of one image. */
export function patchCount({ imageSize, patchSize }: VisionModelConfig): number {
  return (imageSize[0] / patchSize[0]) * (imageSize[1] / patchSize[1]);
}

/** Tokens that enter the first block. */
export const tokenCount = (config: VisionModelConfig): number => specialTokens(config) + patchCount(config);

const invalid = (message: string): never => {
  throw new PptError("INVALID_CONFIG", `config: ${message}`);
};

/** Far above any published model, and low enough that a hostile file cannot ask for the machine's whole memory. */
const limits = { pixels: 8192, hidden: 16384, layers: 512, labels: 1_000_000, tokens: 10_000 };

const activations: Readonly<Record<string, Activation>> = {
  gelu: "gelu",
  gelu_python: "gelu",
  gelu_new: "gelu_tanh",
  gelu_pytorch_tanh: "gelu_tanh",
  gelu_fast: "gelu_tanh",
  quick_gelu: "quick_gelu",
  relu: "relu",
};

/**
 * Reads a `config.json` of a ViT or DeiT. Fields that Hugging Face leaves out have its defaults.
 * @throws PptError INVALID_CONFIG
 */
export function parseModelConfig(json: unknown): VisionModelConfig {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return invalid("expected a JSON object");
  const fields = new Map<string, unknown>(Object.entries(json));
  const type = fields.get("model_type");
  if (type !== undefined && type !== "vit" && type !== "deit")
    invalid(`model_type ${show(type)} is not supported; 'vit' and 'deit' are`);

  const count = (name: string, most: number, fallback?: number): number => {
    const value = fields.get(name) ?? fallback;
    if (value === undefined) return invalid(`${name} is missing`);
    if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > most)
      return invalid(`${name} must be a whole number from 1 to ${most}, got ${show(value)}`);
    return value as number;
  };
  const pair = (name: string): [number, number] => {
    const value = fields.get(name);
    const [height, width] = Array.isArray(value) ? value : [value, value];
    const isSide = (n: unknown) => Number.isInteger(n) && (n as number) >= 1 && (n as number) <= limits.pixels;
    if (value === undefined) invalid(`${name} is missing`);
    if (!isSide(height) || !isSide(width) || (Array.isArray(value) && value.length !== 2))
      invalid(`${name} must be one or two whole numbers from 1 to ${limits.pixels}, got ${show(value)}`);
    return [height as number, width as number];
  };
  const flag = (name: string, fallback: boolean): boolean => {
    const value = fields.get(name) ?? fallback;
    return typeof value === "boolean" ? value : invalid(`${name} must be true or false, got ${show(value)}`);
  };

  const imageSize = pair("image_size");
  const patchSize = pair("patch_size");
  if (imageSize[0] % patchSize[0] !== 0 || imageSize[1] % patchSize[1] !== 0)
    invalid(`patch_size ${patchSize.join("x")} does not divide image_size ${imageSize.join("x")}`);
  const patches = (imageSize[0] / patchSize[0]) * (imageSize[1] / patchSize[1]);
  if (patches > limits.tokens) invalid(`${patches} patches are more than ${limits.tokens}`);

  const hiddenSize = count("hidden_size", limits.hidden);
  const heads = count("num_attention_heads", limits.hidden);
  if (hiddenSize % heads !== 0) invalid(`num_attention_heads ${heads} does not divide hidden_size ${hiddenSize}`);

  const name = fields.get("hidden_act") ?? "gelu";
  const activation = typeof name === "string" && Object.hasOwn(activations, name) ? activations[name] : undefined;
  if (!activation)
    return invalid(`hidden_act ${show(name)} is not supported; known are ${Object.keys(activations).join(", ")}`);

  const epsilon = fields.get("layer_norm_eps") ?? 1e-12;
  if (typeof epsilon !== "number" || !(epsilon > 0 && epsilon < 1))
    return invalid(`layer_norm_eps must lie between 0 and 1, got ${show(epsilon)}`);

  const architectures = fields.get("architectures");
  const architecture = Array.isArray(architectures) ? architectures[0] : undefined;
  const distillationToken = flag("distilled", type === "deit");
  return {
    imageSize,
    patchSize,
    channels: count("num_channels", 16, 3),
    hiddenSize,
    layers: count("num_hidden_layers", limits.layers),
    heads,
    intermediateSize: count("intermediate_size", 8 * limits.hidden, 4 * hiddenSize),
    activation,
    layerNormEpsilon: epsilon,
    qkvBias: flag("qkv_bias", true),
    distillationToken,
    // Hugging Face's plain DeiTForImageClassification reads the class token only.
    distillationHead: distillationToken && architecture !== "DeiTForImageClassification",
    pooling: fields.get("global_pool") === "avg" || flag("use_mean_pooling", false) ? "mean" : "class",
    labels: readLabels(fields),
  };
}

/** `id2label` where it is given, else numbered names for `num_labels`. */
function readLabels(fields: ReadonlyMap<string, unknown>): string[] {
  const id2label = fields.get("id2label");
  if (id2label === undefined || id2label === null) {
    const labels = fields.get("num_labels") ?? 2;
    if (!Number.isInteger(labels) || (labels as number) < 1 || (labels as number) > limits.labels)
      return invalid(`num_labels must be a whole number from 1 to ${limits.labels}, got ${show(labels)}`);
    return Array.from({ length: labels as number }, (_, i) => `LABEL_${i}`);
  }
  if (typeof id2label !== "object" || Array.isArray(id2label)) return invalid("id2label must be an object of names");
  const names = new Map<string, unknown>(Object.entries(id2label as object));
  if (names.size === 0 || names.size > limits.labels)
    return invalid(`id2label must name from 1 to ${limits.labels} classes, got ${names.size}`);
  return Array.from({ length: names.size }, (_, i) => {
    const name = names.get(String(i));
    return typeof name === "string" ? name : invalid(`id2label has ${names.size} entries, but none for class ${i}`);
  });
}

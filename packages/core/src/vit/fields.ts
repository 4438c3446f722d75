/** Reads the fields of a `config.json` that nobody has checked. A field of the wrong kind is an error that shows its value. */

import { counted } from "../counted.js";
import { PptError } from "../errors.js";
import type { Activation, HostTensor } from "../seam.js";
import { show } from "../show.js";
import { imageSizeProblem, limits, type Problem, type VisionModelConfig } from "./config.js";

/** @throws PptError INVALID_CONFIG */
export function invalid(message: string): never {
  throw new PptError("INVALID_CONFIG", `config: ${message}`);
}

const activations: Readonly<Record<string, Activation>> = {
  gelu: "gelu",
  gelu_python: "gelu",
  gelu_new: "gelu_tanh",
  gelu_pytorch_tanh: "gelu_tanh",
  gelu_fast: "gelu_tanh",
  quick_gelu: "quick_gelu",
  relu: "relu",
  silu: "silu",
  swish: "silu",
};

/** The fields of one JSON object. Every method throws PptError INVALID_CONFIG. */
export interface Fields {
  readonly names: readonly string[];
  /** The value in the file, unchecked. */
  value(name: string): unknown;
  /** A whole number from 1 to `most`. */
  count(name: string, most: number, fallback?: number): number;
  /** A number above 0 and at most `most`. */
  positive(name: string, most: number, fallback?: number): number;
  /** One side or [height, width], in pixels. */
  size(name: string, fallback?: number): [number, number];
  flag(name: string, fallback: boolean): boolean;
  /** One of `names`. */
  choice<Name extends string>(name: string, names: readonly Name[], fallback?: Name): Name;
  /** The fields of an object inside this one. */
  object(name: string): Fields;
}

/** @throws PptError INVALID_CONFIG if `json` is not an object; the message is `what` */
export function fieldsOf(json: unknown, what = "expected a JSON object"): Fields {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return invalid(what);
  // A Map, because `__proto__` is a field like any other there.
  const fields = new Map<string, unknown>(Object.entries(json));
  const given = (name: string, fallback: unknown) => {
    const value = fields.get(name) ?? fallback;
    return value === undefined ? invalid(`${name} is missing`) : value;
  };

  return {
    names: [...fields.keys()],

    value: (name) => fields.get(name),

    count(name, most, fallback) {
      const value = given(name, fallback);
      if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most) return value;
      return invalid(`${name} must be a whole number from 1 to ${most}, got ${show(value)}`);
    },

    positive(name, most, fallback) {
      const value = given(name, fallback);
      if (typeof value === "number" && value > 0 && value <= most) return value;
      return invalid(`${name} must be a number above 0 and at most ${most}, got ${show(value)}`);
    },

    size(name, fallback) {
      const value = given(name, fallback);
      const sides: unknown[] = Array.isArray(value) ? value : [value, value];
      const isSide = (n: unknown) => Number.isInteger(n) && (n as number) >= 1 && (n as number) <= limits.pixels;
      if (sides.length !== 2 || !isSide(sides[0]) || !isSide(sides[1]))
        invalid(`${name} must be one or two whole numbers from 1 to ${limits.pixels}, got ${show(value)}`);
      return [sides[0] as number, sides[1] as number];
    },

    flag(name, fallback) {
      const value = fields.get(name) ?? fallback;
      return typeof value === "boolean" ? value : invalid(`${name} must be true or false, got ${show(value)}`);
    },

    choice(name, names, fallback) {
      const value = given(name, fallback);
      return (
        names.find((known) => known === value) ??
        invalid(`${name} must be ${names.map((one) => one || '""').join(" or ")}, got ${show(value)}`)
      );
    },

    object: (name) => fieldsOf(fields.get(name), `${name} must be an object, got ${show(fields.get(name))}`),
  };
}

/** A whole number from 0 to `most`. */
export const countOrNone = (fields: Fields, name: string, most: number, fallback: number): number =>
  (fields.value(name) ?? fallback) === 0 ? 0 : fields.count(name, most, fallback);

/** Image and patch size in pixels. They must fit each other. `whole`: patches have to fill the picture exactly. */
export function readSizes(
  fields: Fields,
  fallback: { image?: number | undefined; patch?: number | undefined } = {},
  whole = false,
): { imageSize: [number, number]; patchSize: [number, number] } {
  const imageSize = fields.size("image_size", fallback.image);
  const patchSize = fields.size("patch_size", fallback.patch);
  const problem = imageSizeProblem(imageSize, patchSize, whole);
  return problem ? invalid(problem) : { imageSize, patchSize };
}

/** Width and number of heads. The heads must divide the width. */
function readWidth(
  fields: Fields,
  fallback: { hidden?: number | undefined; heads?: number | undefined } = {},
): { hiddenSize: number; heads: number } {
  const hiddenSize = fields.count("hidden_size", limits.hidden, fallback.hidden);
  const heads = fields.count("num_attention_heads", limits.hidden, fallback.heads);
  if (hiddenSize % heads !== 0) invalid(`num_attention_heads ${heads} does not divide hidden_size ${hiddenSize}`);
  return { hiddenSize, heads };
}

/** Values of the fields that a file leaves out. */
interface EncoderDefaults {
  readonly image?: number;
  readonly patch?: number;
  readonly hidden?: number;
  readonly layers?: number;
  readonly heads?: number;
  readonly activation?: string;
  readonly epsilon: number;
  /** Patches have to fill the picture exactly. */
  readonly whole?: boolean;
}

type Encoder = Pick<
  VisionModelConfig,
  | "imageSize"
  | "patchSize"
  | "channels"
  | "hiddenSize"
  | "layers"
  | "heads"
  | "activation"
  | "layerNormEpsilon"
  | "distillationToken"
  | "distillationHead"
  | "pooling"
>;

/**
 * Reads the fields that have the names of Hugging Face's ViT: `hidden_size`, `num_hidden_layers`, `patch_size`, ... The
 * result has a class token, which the head reads, and no distillation token. A family that differs overwrites that.
 */
export function readEncoder(fields: Fields, defaults: EncoderDefaults): Encoder {
  const { image, patch, hidden, layers, heads, activation, epsilon, whole } = defaults;
  return {
    ...readSizes(fields, { image, patch }, whole),
    ...readWidth(fields, { hidden, heads }),
    channels: fields.count("num_channels", 16, 3),
    layers: fields.count("num_hidden_layers", limits.layers, layers),
    activation: readActivation(fields, activation),
    layerNormEpsilon: readEpsilon(fields, epsilon),
    distillationToken: false,
    distillationHead: false,
    pooling: "class",
  };
}

function readActivation(fields: Fields, fallback = "gelu"): Activation {
  const name = fields.value("hidden_act") ?? fallback;
  const activation = typeof name === "string" && Object.hasOwn(activations, name) ? activations[name] : undefined;
  return (
    activation ?? invalid(`hidden_act ${show(name)} is not supported; known are ${Object.keys(activations).join(", ")}`)
  );
}

function readEpsilon(fields: Fields, fallback: number): number {
  const epsilon = fields.value("layer_norm_eps") ?? fallback;
  if (typeof epsilon !== "number" || !(epsilon > 0 && epsilon < 1))
    return invalid(`layer_norm_eps must lie between 0 and 1, got ${show(epsilon)}`);
  return epsilon;
}

/** The Hugging Face class that was saved, as in `ViTForImageClassification`. */
export function readArchitecture(fields: Fields): string | undefined {
  const architectures = fields.value("architectures");
  const first: unknown = Array.isArray(architectures) ? architectures[0] : undefined;
  return typeof first === "string" ? first : undefined;
}

/** What the tensors of a checkpoint tell its family, by the library's own names. Undefined as long as no weights are given. */
export type Held =
  | {
      has(name: string): boolean;
      /** Left out if no weights are given. */
      readonly names?: readonly string[];
      readonly read?: (name: string) => HostTensor;
      /** Whether a tensor is the weight of a classifier, under the names of any family. */
      readonly classifier: boolean;
    }
  | undefined;

/**
 * Refuses files that hold the text tower alone. They have the `model_type` of the whole model.
 * @throws PptError INVALID_WEIGHTS
 */
export function requireVisionTower(held: Held): void {
  if (!held || held.has("embeddings.patch_embedding.weight") || !held.names?.some((name) => /^text_model\./.test(name)))
    return;
  throw new PptError(
    "INVALID_WEIGHTS",
    "weights: hold a text tower and no vision tower ('embeddings.patch_embedding.weight' is missing): load the whole model, or its vision tower",
  );
}

/** Names of Hugging Face classes without a classifier end like this. */
const headless = /(Model|WithProjection|ForPreTraining|ForMaskedImageModeling|Backbone)$/;

/**
 * Class names of the classifier; empty if there is none. The tensors decide whether there is one. Without tensors the saved
 * class decides, and `assumed` if the file names no class.
 */
export function readLabels(fields: Fields, assumed: "always" | "where labels are named", held: Held): string[] {
  const named = (fields.value("id2label") ?? fields.value("num_labels")) !== undefined;
  if (held) {
    if (!held.classifier) return [];
  } else {
    const architecture = readArchitecture(fields);
    if (architecture !== undefined && headless.test(architecture)) return [];
    if (!named && assumed !== "always" && !architecture?.includes("ForImageClassification")) return [];
  }

  const id2label = fields.value("id2label") ?? undefined;
  if (id2label === undefined) {
    if (fields.value("num_labels") === 0) return [];
    return numberedLabels(fields.count("num_labels", limits.labels, 2));
  }
  if (typeof id2label !== "object" || id2label === null || Array.isArray(id2label))
    return invalid("id2label must be an object of names");
  const names = new Map<string, unknown>(Object.entries(id2label));
  if (names.size > limits.labels)
    return invalid(`id2label must name at most ${limits.labels} classes, got ${names.size}`);
  return Array.from({ length: names.size }, (_, i) => {
    if (!names.has(String(i)))
      return invalid(`id2label has ${counted(names.size, "entry", "entries")}, but none for class ${i}`);
    return labelText(names.get(String(i)), "id2label");
  });
}

/** A class name. Some published files have numbers or booleans there; their text is the name. */
export function labelText(name: unknown, field: string): string {
  if (typeof name === "number" || typeof name === "boolean") return String(name);
  return typeof name === "string" ? name : invalid(`${field} must hold texts, got ${show(name)}`);
}

/** LABEL_0, LABEL_1, ... */
export const numberedLabels = (count: number): string[] => Array.from({ length: count }, (_, i) => `LABEL_${i}`);

const problems: Readonly<Record<string, Problem>> = {
  single_label_classification: "single-label",
  multi_label_classification: "multi-label",
  regression: "regression",
};

/**
 * What the logits mean, as Hugging Face's pipeline decides it. A single class is always right or wrong by itself, unless
 * `problem_type` is `regression`.
 */
export function readProblem(fields: Fields, labels: readonly string[]): { problem?: Problem } {
  const type = fields.value("problem_type") ?? undefined;
  if (type === undefined || labels.length === 0) return {};
  if (typeof type !== "string" || !Object.hasOwn(problems, type))
    return invalid(`problem_type must be ${Object.keys(problems).join(", ")}, got ${show(type)}`);
  return problems[type] === "single-label" && labels.length === 1 ? {} : { problem: problems[type]! };
}

/** The factor of q.k, if the file gives one. Some published weights were trained with C^-0.5 before their code changed. */
const readAttentionScale = (fields: Fields): { attentionScale?: number } =>
  fields.value("qk_scale") == null ? {} : { attentionScale: fields.positive("qk_scale", 1) };

/**
 * Reads the fields of a classifier whose authors publish no `config.json`: those of Hugging Face's ViT, with patches that fill
 * the picture, an MLP 3 times as wide as a token unless the file says otherwise, and no bias of query, key and value.
 */
export function readPaperClassifier(fields: Fields, held: Held): VisionModelConfig {
  const encoder = readEncoder(fields, { patch: 16, epsilon: 1e-5, whole: true });
  const labels = readLabels(fields, "always", held);
  return {
    ...encoder,
    intermediateSize: fields.count("intermediate_size", 8 * limits.hidden, 3 * encoder.hiddenSize),
    qkvBias: fields.flag("qkv_bias", false),
    labels,
    ...readProblem(fields, labels),
    ...readAttentionScale(fields),
  };
}

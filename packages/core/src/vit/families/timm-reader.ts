/**
 * Reads timm's `config.json`. The name of the architecture stands for arguments, `model_args` replaces some of these, and
 * `pretrained_cfg` describes the checkpoint.
 */

import { counted } from "../../counted.js";
import type { ImageProcessorConfig, ImageSize } from "../../io/processor-config.js";
import type { Activation } from "../../seam.js";
import { show } from "../../show.js";
import { limits, type VisionModelConfig } from "../config.js";
import type { FamilyReader } from "../family.js";
import {
  countOrNone,
  type Fields,
  fieldsOf,
  type Held,
  invalid,
  labelText,
  numberedLabels,
  readProblem,
  readSizes,
} from "../fields.js";
import { refusedTypes } from "../refused-types.js";
import { evaArguments, evaTraits, withPlainNames } from "./timm-eva.js";
import { timmAliases, timmModels, timmRefusals } from "./timm-models.js";

/**
 * The fields of `pretrained_cfg`. The number and names of classes outside of it win. Older files have all fields at the top.
 * @throws PptError INVALID_CONFIG
 */
function pretrainedFields(fields: Fields): Fields {
  const nested = (fields.value("pretrained_cfg") ?? undefined) !== undefined;
  const inner = nested ? fields.object("pretrained_cfg") : fields;
  const outer = (name: string) => (nested ? fields.value(name) : undefined) ?? inner.value(name) ?? undefined;
  return fieldsOf({
    ...Object.fromEntries(inner.names.map((name) => [name, inner.value(name)])),
    num_classes: outer("num_classes"),
    label_names: outer("label_names") ?? (nested ? undefined : inner.value("labels")),
    label_descriptions: outer("label_descriptions"),
  });
}

/** Arguments that change nothing but training. */
const harmless =
  /^(drop_rate|pos_drop_rate|patch_drop_rate|proj_drop_rate|attn_drop_rate|drop_path_rate|weight_init|fix_init|pretrained_strict|scriptable|exportable|no_jit|checkpoint_path|cache_dir|device|dtype|out_indices)$/;

/** Arguments for which only timm's default value is supported. */
const fixed: Readonly<Record<string, unknown>> = {
  qk_norm: false,
  scale_attn_norm: false,
  scale_mlp_norm: false,
  proj_bias: true,
  pos_embed: "learn",
  final_norm: true,
  pool_include_prefix: false,
  dynamic_img_pad: false,
  features_only: false,
};

/** Arguments that `readConfig` reads. */
const understood = new Set([
  ...[
    "img_size",
    "patch_size",
    "in_chans",
    "num_classes",
    "global_pool",
    "embed_dim",
    "depth",
    "num_heads",
    "mlp_ratio",
  ],
  ...["qkv_bias", "init_values", "class_token", "no_embed_class", "reg_tokens", "pre_norm", "fc_norm", "act_layer"],
  "dynamic_img_size",
]);

const activations: Readonly<Record<string, Activation>> = {
  gelu: "gelu",
  gelu_tanh: "gelu_tanh",
  quick_gelu: "quick_gelu",
  relu: "relu",
  silu: "silu",
  swish: "silu",
};

function readConfig(fields: Fields, held: Held): VisionModelConfig {
  const pretrained = pretrainedFields(fields);
  const named = argumentsOf(fields.value("architecture"));
  const given = (fields.value("model_args") ?? undefined) === undefined ? fieldsOf({}) : fields.object("model_args");
  const eva = named.eva === true;
  const replaced = Object.fromEntries(
    given.names.filter((name) => isUnderstood(name, given.value(name), eva)).map((name) => [name, given.value(name)]),
  );
  const args = fieldsOf(eva ? withPlainNames({ ...named, ...replaced }) : { ...named, ...replaced });

  const classToken = args.flag("class_token", true);
  const distilled = args.flag("distilled", false);
  const registerTokens = countOrNone(args, "reg_tokens", 64, 0);
  const classes = classesOf(args, pretrained, held);
  const { hiddenSize, heads } = widthOf(args);
  const labels = labelsOf(pretrained, classes, fields);
  const packed = args.value("mlp_layer") === "swiglu_packed";
  const hidden = Math.floor(hiddenSize * args.positive("mlp_ratio", 32, 4));
  const special = (classToken ? 1 : 0) + (distilled ? 1 : 0) + registerTokens;
  const positionedTokens = args.flag("no_embed_class", false) ? 0 : special;
  const sizes = sizesOf(args, pretrained);
  return {
    ...sizes,
    ...storedGrid(sizes, positionedTokens, held),
    channels: channelsOf(args, pretrained),
    hiddenSize,
    layers: args.count("depth", limits.layers, 12),
    heads,
    intermediateSize: Math.max(1, packed ? Math.floor(hidden / 2) : hidden),
    activation: activationOf(args),
    layerNormEpsilon: args.positive("norm_eps", 1, 1e-6),
    qkvBias: args.flag("qkv_bias", true),
    distillationToken: distilled,
    distillationHead: distilled && classes > 0,
    pooling: poolingOf({ args, pretrained, file: fields, held }, { classToken, distilled }),
    labels,
    ...readProblem(fields, labels),
    classToken,
    patchBias: !args.flag("pre_norm", false),
    inputNorm: args.flag("pre_norm", false),
    positionInterpolation: "bicubic-antialiased",
    positionedTokens,
    // In timm 0 and false mean that there is no layer scale.
    layerScale: Boolean(args.value("init_values")),
    mlp: packed ? "swiglu" : "plain",
    registerTokens,
    sizeFromPreprocessing: args.flag("dynamic_img_size", false),
    ...(eva && evaTraits(args, { hiddenSize, heads })),
  };
}

/** The arguments that an architecture's name stands for. A checkpoint's name has a tag after a dot, which changes none. */
function argumentsOf(architecture: unknown): Readonly<Record<string, unknown>> {
  const name = typeof architecture === "string" ? architecture.split(".")[0]! : "";
  const known = Object.hasOwn(timmAliases, name) ? timmAliases[name]! : name;
  if (Object.hasOwn(timmModels, known)) return timmModels[known]!;
  const reason = Object.hasOwn(timmRefusals, known) ? timmRefusals[known] : refusalOf(known);
  return invalid(
    `architecture ${show(architecture)} of timm is not supported${reason ? `: ${reason}` : ""}; ${Object.keys(timmModels).length} names of plain ViT, CLIP, SigLIP, DeiT, DeiT III, DINOv2, DINOv3 and EVA02 are, such as vit_small_patch16_224`,
  );
}

/** Why a model of timm is refused whose name begins as a refused `model_type` does: `beitv2_base_patch16_224`. */
function refusalOf(architecture: string): string | undefined {
  const type = Object.keys(refusedTypes).find((type) => architecture.startsWith(type));
  return type === undefined ? undefined : refusedTypes[type];
}

/** @throws PptError INVALID_CONFIG for an argument that asks for another network. */
function isUnderstood(name: string, value: unknown, eva: boolean): boolean {
  // timm ignores arguments that are None.
  if (value === null || value === undefined || harmless.test(name)) return false;
  if (understood.has(name) || (eva && evaArguments.has(name))) return true;
  if (Object.hasOwn(fixed, name) && fixed[name] === value) return false;
  const shown = Object.hasOwn(fixed, name) ? `${name} = ${show(value)}` : name;
  return invalid(`model_args.${shown.slice(0, 80)} is not supported`);
}

/** If the stored table has another number of patches, timm takes its grid for a square and interpolates it. */
function storedGrid(
  { imageSize, patchSize }: Pick<VisionModelConfig, "imageSize" | "patchSize">,
  positionedTokens: number,
  held: Held,
): Pick<VisionModelConfig, "positionGrid"> {
  const rows = held?.has("pos_embed") ? (held.read?.("pos_embed").shape.at(-2) ?? 0) - positionedTokens : 0;
  const asked = Math.floor(imageSize[0] / patchSize[0]) * Math.floor(imageSize[1] / patchSize[1]);
  const side = Math.sqrt(rows);
  return rows > 0 && rows !== asked && Number.isInteger(side) ? { positionGrid: [side, side] } : {};
}

function widthOf(args: Fields): { hiddenSize: number; heads: number } {
  const hiddenSize = args.count("embed_dim", limits.hidden, 768);
  const heads = args.count("num_heads", limits.hidden, 12);
  if (hiddenSize % heads !== 0) invalid(`num_heads ${heads} does not divide embed_dim ${hiddenSize}`);
  return { hiddenSize, heads };
}

/** `input_size`, [channels, height, width]. */
function inputOf(fields: Fields): readonly [number, number, number] | undefined {
  const input = fields.value("input_size") ?? undefined;
  if (input === undefined) return undefined;
  if (!Array.isArray(input) || input.length !== 3)
    return invalid(`pretrained_cfg.input_size must be [channels, height, width], got ${show(input)}`);
  return [input[0], input[1], input[2]];
}

function channelsOf(args: Fields, pretrained: Fields): number {
  return fieldsOf({ in_chans: args.value("in_chans") ?? inputOf(pretrained)?.[0] }).count("in_chans", 16, 3);
}

/** Image and patch size: from the arguments, else from `pretrained_cfg`, else timm's default. */
function sizesOf(args: Fields, pretrained: Fields) {
  // timm builds a network with `dynamic_img_size` for its default size, unless the checkpoint fixes another size.
  const fixed = pretrained.value("input_size") == null || pretrained.value("fixed_input_size") === true;
  const free = args.flag("dynamic_img_size", false) && !fixed;
  const image_size =
    args.value("img_size") ?? (free ? 224 : inputOf(pretrained)?.slice(1)) ?? inputOf(args)?.slice(1) ?? 224;
  return readSizes(fieldsOf({ image_size, patch_size: args.value("patch_size") ?? 16 }));
}

function activationOf(args: Fields): Activation {
  const name = args.value("act_layer") ?? "gelu";
  if (args.value("mlp_layer") === "swiglu_packed" && name !== "silu")
    invalid(`act_layer ${show(name)} is not supported in a gated MLP, silu is`);
  return typeof name === "string" && Object.hasOwn(activations, name)
    ? activations[name]!
    : invalid(`act_layer ${show(name)} is not supported; known are ${Object.keys(activations).join(", ")}`);
}

/**
 * What the head reads. timm takes `global_pool` from the arguments, else from `pretrained_cfg`. At the top of the file timm only
 * notes how the model was saved. That note counts here if the tensors are unknown or agree with it.
 */
function poolingOf(
  { args, pretrained, file, held }: { args: Fields; pretrained: Fields; file: Fields; held: Held },
  { classToken, distilled }: { classToken: boolean; distilled: boolean },
): VisionModelConfig["pooling"] {
  const told =
    !held || (held.has("fc_norm.weight") && !held.has("norm.weight")) ? file.value("global_pool") : undefined;
  const pool = fieldsOf({ global_pool: args.value("global_pool") ?? pretrained.value("global_pool") ?? told }).choice(
    "global_pool",
    ["token", "avg", "map", ""],
    "token",
  );
  if (distilled) {
    if (pool === "avg" || pool === "map") invalid(`global_pool ${pool} does not go with a distillation token`);
    return "distilled";
  }
  // timm's name for a head that pools by attention.
  if (pool === "map") return "attention";
  if (pool === "avg") return args.flag("fc_norm", true) ? "mean" : "normalized-mean";
  if (!classToken) invalid(`global_pool ${show(pool)} reads a class token, and class_token is false`);
  return "class";
}

/** Number of classes. The tensors decide whether there is a classifier. */
function classesOf(args: Fields, pretrained: Fields, held: Held): number {
  if (held && !held.has("head.weight")) return 0;
  const named = pretrained.value("num_classes") ?? undefined;
  // timm ignores a negative number.
  const count = args.value("num_classes") ?? (typeof named === "number" && named < 0 ? undefined : named);
  return count === 0 ? 0 : fieldsOf({ num_classes: count }).count("num_classes", limits.labels, 1000);
}

/** `label_names` is a list, or an object of names by class number. Files of transformers' wrapper may have `id2label` instead. */
function labelsOf(pretrained: Fields, classes: number, file: Fields): string[] {
  const names = pretrained.value("label_names") ?? file.value("id2label") ?? undefined;
  if (names === undefined || classes === 0) return numberedLabels(classes);
  const described =
    (pretrained.value("label_descriptions") ?? undefined) === undefined
      ? fieldsOf({})
      : pretrained.object("label_descriptions");
  const textOf = (name: unknown): string => {
    const own = labelText(name, "label_names");
    const text = described.value(own);
    return typeof text === "string" ? text : own;
  };
  if (Array.isArray(names)) {
    if (names.length !== classes)
      invalid(`label_names must name ${counted(classes, "class", "classes")}, got ${show(names)}`);
    return names.map(textOf);
  }
  if (typeof names !== "object") return invalid(`label_names must be a list or an object of names, got ${show(names)}`);
  const byNumber = new Map<string, unknown>(Object.entries(names));
  const beyond = [...byNumber.keys()].find((key) => !/^\d+$/.test(key) || Number(key) >= classes);
  if (beyond !== undefined) invalid(`label_names has an entry ${show(beyond)}, the classes are 0 to ${classes - 1}`);
  return numberedLabels(classes).map((numbered, i) =>
    byNumber.has(String(i)) ? textOf(byNumber.get(String(i))) : numbered,
  );
}

/** timm's defaults: the statistics of ImageNet, and a crop of seven eighths. */
const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], crop: 0.875 } as const;

/**
 * Preprocessing as timm's evaluation transform takes it from `pretrained_cfg`. Undefined if the file says nothing about
 * pictures.
 * @throws PptError INVALID_CONFIG
 */
function preprocessingOf(file: Fields): ImageProcessorConfig | undefined {
  const fields = pretrainedFields(file);
  const speaks = ["input_size", "crop_pct", "mean", "std", "interpolation"].some((name) => fields.value(name) != null);
  return speaks || file.value("pretrained_cfg") != null ? processorOf(fields) : undefined;
}

function processorOf(fields: Fields): ImageProcessorConfig {
  const input = fields.value("input_size") ?? [3, 224, 224];
  const sides = Array.isArray(input) && input.length === 3 ? input.slice(1) : [];
  const [height, width] = fieldsOf({ input_size: sides }).size("input_size");
  // In timm 0 means that no value is given.
  const crop = fields.value("crop_pct") === 0 ? imageNet.crop : fields.positive("crop_pct", 1, imageNet.crop);
  const scaled: ImageSize = { height: Math.floor(height / crop), width: Math.floor(width / crop) };
  if (Math.max(scaled.height, scaled.width) > limits.pixels)
    invalid(`pretrained_cfg.crop_pct ${crop} makes pictures of ${scaled.height}x${scaled.width} pixels`);
  const mode = fields.choice("crop_mode", ["center", "squash"], "center");
  const named = fields.choice("interpolation", ["bicubic", "bilinear", "nearest", "lanczos"], "bicubic");
  if (fields.value("crop_border_pixels")) invalid("pretrained_cfg.crop_border_pixels is not supported");
  const covers = mode === "center" && scaled.height !== scaled.width;
  return {
    doResize: true,
    size: mode === "squash" ? scaled : covers ? { covering: scaled } : { shortestEdge: scaled.height },
    // For oblong inputs timm does not pass its interpolation on, and the resize it calls is bilinear by default.
    resample: covers ? "bilinear" : named,
    doCenterCrop: true,
    cropSize: { height, width },
    cropOffset: "half-to-even",
    doRescale: true,
    rescaleFactor: 1 / 255,
    doNormalize: true,
    imageMean: threeNumbers(fields, "mean", imageNet.mean),
    imageStd: threeNumbers(fields, "std", imageNet.std),
  };
}

type Rgb = readonly [number, number, number];

function threeNumbers(fields: Fields, name: "mean" | "std", fallback: Rgb): Rgb {
  const value = fields.value(name) ?? fallback;
  const fits = (x: unknown) => typeof x === "number" && Math.abs(x) <= 1e6 && (name === "mean" || x >= 1e-6);
  if (!Array.isArray(value) || value.length !== 3 || !Array.from(value).every(fits))
    return invalid(`pretrained_cfg.${name} must be three numbers, got ${show(value)}`);
  return [value[0], value[1], value[2]];
}

export const reader: FamilyReader = {
  config: readConfig,
  preprocessingOf,
  preprocessingWithoutFile: () => processorOf(fieldsOf({})),
};

/**
 * Depth Anything, version 1 and 2, and DPT on DINOv2: the head of DPT reads several blocks of a DINOv2 (arXiv 2401.10891, 2406.09414,
 * 2103.13413).
 */
import { processorDefaults } from "../../io/processor-defaults.js";
import { show } from "../../show.js";
import { limits, type VisionModelConfig } from "../config.js";
import type { DepthHead } from "../depth/config.js";
import type { Family } from "../family.js";
import { type Fields, fieldsOf, type Held, invalid } from "../fields.js";
import { dinov2 } from "./dinov2.js";

const backbones = Object.keys(dinov2.modelTypes).slice(0, 1);

/** The backbone of a file that describes none, as the library's own code has it. */
const usualBackbone = {
  ...{ model_type: "dinov2", image_size: 518, patch_size: 14, hidden_size: 384, num_hidden_layers: 12 },
  ...{ num_attention_heads: 6, out_indices: [9, 10, 11, 12] },
};

function readBackbone(fields: Fields, isDpt: boolean): Fields {
  const given = fields.value("backbone_config") ?? undefined;
  const named = fields.value("backbone") ?? undefined;
  if (named !== undefined)
    invalid(
      `backbone ${show(named)} is not supported: it is a model of another file or library; backbone_config of ${backbones} is`,
    );
  if (isDpt && (given === undefined || fields.value("is_hybrid") === true))
    invalid(
      `this DPT has no DINOv2 in backbone_config, but a backbone of its own (MiDaS 3, DPT-Large, DPT-Hybrid), which is not supported; DPT on DINOv2 and Depth Anything are`,
    );
  const backbone = given === undefined ? fieldsOf(usualBackbone) : fields.object("backbone_config");
  const type = backbone.value("model_type");
  if (!backbones.some((known) => known === type))
    invalid(`backbone_config is of model_type ${show(type)}, which is not supported; ${backbones} is`);
  return backbone;
}

/** The blocks whose output the head reads. The library counts from 1, because 0 is the embedding, and negative ones from the end. */
function readStages(backbone: Fields, layers: number): number[] {
  const indices = backbone.value("out_indices") ?? undefined;
  const names = backbone.value("out_features") ?? undefined;
  const given = indices ?? names ?? [layers];
  if (!Array.isArray(given))
    return invalid(`backbone_config: ${indices ? "out_indices" : "out_features"} must be a list, got ${show(given)}`);
  const counted = given.map((entry: unknown) => {
    const stage = typeof entry === "string" ? Number(/^stage(\d+)$/.exec(entry)?.[1] ?? Number.NaN) : entry;
    const number = typeof stage === "number" && stage < 0 ? layers + 1 + stage : stage;
    if (typeof number === "number" && Number.isInteger(number) && number >= 1 && number <= layers) return number - 1;
    return invalid(`backbone_config: out_indices must lie between 1 and the ${layers} blocks, got ${show(entry)}`);
  });
  if (counted.some((stage, i) => i > 0 && stage <= counted[i - 1]!))
    invalid(`backbone_config: out_indices must ascend, got ${show(given)}`);
  return counted;
}

function readNumbers(
  fields: Fields,
  name: string,
  fallback: readonly number[],
  count: number,
  fits: (n: number) => boolean,
  what: string,
): number[] {
  const value: unknown = fields.value(name) ?? fallback;
  if (Array.isArray(value) && value.length === count && value.every((n) => typeof n === "number" && fits(n)))
    return value;
  return invalid(`${name} must be ${count} numbers, one for each entry of out_indices, ${what}; got ${show(value)}`);
}

const isChannels = (n: number) => Number.isInteger(n) && n >= 1 && n <= limits.hidden;

/** 1, a whole number above it, or one part of a whole: 4, 2, 1, 0.5. */
const isFactor = (n: number) =>
  (n >= 1 && n <= 16 && Number.isInteger(n)) || (n > 0 && n < 1 && Number.isInteger(1 / n) && n >= 1 / 16);

function readHead(fields: Fields, backbone: Fields, layers: number, isDpt: boolean): DepthHead {
  const stages = readStages(backbone, layers);
  const usual = isDpt ? [96, 192, 384, 768] : [48, 96, 192, 384];
  const common = {
    stages,
    normalized: backbone.flag("apply_layernorm", true),
    neckSizes: readNumbers(fields, "neck_hidden_sizes", usual, stages.length, isChannels, "each a number of channels"),
    factors: readNumbers(
      fields,
      "reassemble_factors",
      [4, 2, 1, 0.5],
      stages.length,
      isFactor,
      "each a whole number, or 1 divided by one",
    ),
    fusionSize: fields.count("fusion_hidden_size", limits.hidden, isDpt ? 256 : 64),
  };
  const index = fields.value("head_in_index") ?? -1;
  if (index !== -1 && index !== stages.length - 1)
    invalid(`head_in_index ${show(index)} is not supported: the head reads the last map, -1`);
  if (!isDpt) {
    const kind = fields.choice("depth_estimation_type", ["relative", "metric"], "relative");
    return {
      ...{ ...common, kind, maxDepth: readMaxDepth(fields), readout: "ignore", fusionBias: true, fusionTarget: "next" },
      ...{ headSize: fields.count("head_hidden_size", limits.hidden, 32), headProjection: false, target: "patches" },
    };
  }
  if (fields.flag("use_batch_norm_in_fusion_residual", false))
    invalid("use_batch_norm_in_fusion_residual is not supported: no published DPT on DINOv2 has it");
  const readout = fields.choice("readout_type", ["ignore", "add", "project"], "project");
  if (readout === "project") fields.choice("hidden_act", ["gelu"], "gelu");
  return {
    ...{ ...common, kind: "relative", maxDepth: 1, fusionTarget: "double", headSize: 32, target: "double" },
    readout,
    fusionBias: fields.flag("use_bias_in_fusion_residual", true),
    headProjection: fields.flag("add_projection", false),
  };
}

/** 0 and nothing mean 1, as in the library's own code. */
function readMaxDepth(fields: Fields): number {
  return fields.value("max_depth") === 0 ? 1 : fields.positive("max_depth", 1e6, 1);
}

function readConfig(fields: Fields, _held: Held): VisionModelConfig {
  const isDpt = fields.value("model_type") === "dpt";
  const backbone = readBackbone(fields, isDpt);
  // Without weights the backbone's own family would assume a classifier.
  const encoder = dinov2.config(backbone, { has: () => false, classifier: false });
  const depth = readHead(fields, backbone, encoder.layers, isDpt);
  return { ...encoder, pooling: "class", labels: [], depth };
}

const tower = {
  model_type: "dinov2",
  image_size: 28,
  patch_size: 7,
  hidden_size: 24,
  num_hidden_layers: 4,
  num_attention_heads: 3,
  mlp_ratio: 2,
};
const neck = { neck_hidden_sizes: [6, 8, 10, 12], fusion_hidden_size: 8 };
const every = { out_indices: [1, 2, 3, 4] };

const otherNetwork =
  "its network is another one. Depth Anything (model_type depth_anything) and DPT on DINOv2 (dpt) are supported";

export const depthAnything: Family = {
  title: "Depth Anything, DPT on DINOv2",
  modelTypes: {
    depth_anything: { preprocessing: processorDefaults.DPT!, transformersJs: true },
    dpt: { preprocessing: processorDefaults.DPT!, transformersJs: true },
  },
  refusedTypes: Object.fromEntries(
    ["prompt_depth_anything", "depth_pro", "zoedepth", "glpn"].map((type) => [type, otherNetwork]),
  ),
  refused: {
    DPTForSemanticSegmentation: "its head segments pictures: DPTForDepthEstimation is supported, on DINOv2",
    DPTModel: "it is a backbone without a head: DPTForDepthEstimation is supported, on DINOv2",
  },
  examples: [
    { model_type: "depth_anything", backbone_config: { ...tower, ...every }, ...neck, head_hidden_size: 6 },
    {
      model_type: "depth_anything",
      backbone_config: { ...tower, image_size: 35, out_features: ["stage2", "stage4"] },
      ...{ depth_estimation_type: "metric", max_depth: 20 },
      ...{ neck_hidden_sizes: [6, 8], reassemble_factors: [2, 0.5], fusion_hidden_size: 8, head_hidden_size: 5 },
    },
    {
      model_type: "dpt",
      backbone_config: { ...tower, ...every, image_size: 21, apply_layernorm: false },
      ...neck,
      ...{ use_bias_in_fusion_residual: false, add_projection: true },
    },
    { model_type: "dpt", backbone_config: { ...tower, ...every }, ...neck, readout_type: "add" },
  ],
  config: readConfig,
  names: dinov2.names,
  classifiers: [],
  prefixes: ["depth_anything"],
  roots: [...dinov2.roots, "neck", "head.conv1", "head.conv2", "head.conv3", "head.projection"],
  // The first fusion has no second map, so its first residual unit, which is saved too, computes nothing.
  ignored: [/^neck\.fusion_stage\.layers\.0\.residual_layer1\./],
  renamed: [
    [/^head\.head\.0\./, "head.conv1."],
    [/^head\.head\.2\./, "head.conv2."],
    [/^head\.head\.4\./, "head.conv3."],
  ],
};

/** Writes Hugging Face's settings files, for checkpoints that have none. */
import {
  type ImageProcessorConfig,
  PptError,
  type Problem,
  problemOf,
  type ResampleFilter,
  type ResizeTarget,
  type VisionModelConfig,
} from "@ppt-vit/core";

/**
 * A `config.json` with the sizes and labels that a runtime needs beside the graph. It calls every model a ViT. `original` is kept in
 * it for `ppt-vit info`, without the names of labels.
 */
export function configForOthers(config: VisionModelConfig, original?: Record<string, unknown>): object {
  const { id2label: _, label2id: __, ...model } = original ?? {};
  const side = ([height, width]: readonly [number, number]) => (height === width ? height : [height, width]);
  return {
    model_type: "vit",
    architectures: [config.labels.length > 0 ? "ViTForImageClassification" : "ViTModel"],
    image_size: side(config.imageSize),
    patch_size: side(config.patchSize),
    num_channels: config.channels,
    hidden_size: config.hiddenSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    intermediate_size: config.intermediateSize,
    ...(config.labels.length > 0 && {
      id2label: Object.fromEntries(config.labels.entries()),
      ...(problemOf(config) !== "single-label" && { problem_type: problemTypes[problemOf(config)] }),
      label2id: Object.fromEntries(config.labels.map((label, i) => [label, i])),
    }),
    ...(original && { [originalField]: model }),
  };
}

const originalField = "ppt_vit_original_config";

/** The model's own `config.json`, if an export wrote this one; else the same. */
export function originalConfig(json: unknown): unknown {
  const { [originalField]: original, id2label } = json as Record<string, unknown>;
  if (typeof original !== "object" || original === null) return json;
  return { ...original, ...(id2label !== undefined && { id2label }) };
}

const problemTypes: Readonly<Record<Problem, string>> = {
  "single-label": "single_label_classification",
  "multi-label": "multi_label_classification",
  regression: "regression",
};

/** The numbers of Pillow's resampling filters. */
const filterNumbers: Readonly<Record<ResampleFilter, number>> = { nearest: 0, lanczos: 1, bilinear: 2, bicubic: 3 };

/**
 * A `preprocessor_config.json` for the same preprocessing. It loses only the offset by half a pixel of timm's crops, which such a
 * file cannot express.
 * @throws PptError INVALID_CONFIG if such a file cannot express the resizing
 */
export function preprocessorConfigOf(config: ImageProcessorConfig): object {
  const { size, padToMultipleOf } = config;
  if ("covering" in size)
    throw new PptError(
      "INVALID_CONFIG",
      `a preprocessor_config.json cannot say that pictures cover ${size.covering.height} x ${size.covering.width} pixels: export with --format triton`,
    );
  return {
    ...targetOf(size),
    do_resize: config.doResize,
    resample: filterNumbers[config.resample],
    do_center_crop: config.doCenterCrop,
    crop_size: config.cropSize,
    do_rescale: config.doRescale,
    rescale_factor: config.rescaleFactor,
    do_normalize: config.doNormalize,
    image_mean: config.imageMean,
    image_std: config.imageStd,
    ...(padToMultipleOf !== undefined && {
      image_processor_type: dptProcessor,
      do_pad: true,
      size_divisor: padToMultipleOf,
    }),
  };
}

const dptProcessor = "DPTImageProcessor";

/** The processor that resizes so, and its fields. */
function targetOf(size: Exclude<ResizeTarget, { readonly covering: unknown }>): object {
  if ("near" in size)
    return {
      image_processor_type: dptProcessor,
      size: size.near,
      keep_aspect_ratio: size.keepAspectRatio,
      ensure_multiple_of: size.multipleOf,
    };
  return {
    image_processor_type: "ViTImageProcessor",
    size: "shortestEdge" in size ? { shortest_edge: size.shortestEdge, longest_edge: size.longestEdge } : size,
  };
}

/** Preprocessing of timm's checkpoints, which have no `preprocessor_config.json`: it stands in `config.json`. */
import { show } from "../show.js";
import { limits } from "../vit/config.js";
import { type Fields, fieldsOf, invalid } from "../vit/families/fields.js";
import { isTimm, pretrainedFields } from "../vit/families/timm.js";
import type { ImageProcessorConfig, ImageSize } from "./image-processor.js";

/** What timm assumes where the file is silent: ImageNet's statistics, and a crop of seven eighths. */
const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], crop: 0.875 } as const;

/**
 * `pretrained_cfg` of timm's `config.json` as its evaluation transform reads it; undefined where the file is not timm's or
 * says nothing of pictures.
 * @throws PptError INVALID_CONFIG
 */
export function timmImageProcessor(json: unknown): ImageProcessorConfig | undefined {
  if (!isTimm(json)) return undefined;
  const file = fieldsOf(json);
  const fields = pretrainedFields(file);
  const speaks = ["input_size", "crop_pct", "mean", "std", "interpolation"].some((name) => fields.value(name) != null);
  return speaks || file.value("pretrained_cfg") != null ? processorOf(fields) : undefined;
}

/** What timm does for its checkpoints that say nothing of pictures; undefined where the file is not timm's. */
export const timmDefaultProcessor = (json: unknown): ImageProcessorConfig | undefined =>
  isTimm(json) ? processorOf(fieldsOf({})) : undefined;

function processorOf(fields: Fields): ImageProcessorConfig {
  const input = fields.value("input_size") ?? [3, 224, 224];
  const sides = Array.isArray(input) && input.length === 3 ? input.slice(1) : [];
  const [height, width] = fieldsOf({ input_size: sides }).size("input_size");
  // `or`: timm takes 0 for nothing.
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
    // timm does not tell its resizing of oblong inputs which interpolation to take, and that has this default.
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

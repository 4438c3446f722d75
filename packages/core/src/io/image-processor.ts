/** From 8-bit pixels to a model's input: the steps of Hugging Face's image processors, with Pillow's very numbers. */

import { requireImage, requireProcessor, requireSize } from "../arguments.js";
import { PptError } from "../errors.js";
import { check, checkArgument, oneOf, requireReadable } from "../options.js";
import { show } from "../show.js";
import { processorByModelType, processorDefaults } from "./processor-defaults.js";
import { type RgbImage, resample } from "./resample/resample.js";
import { type ResampleFilter, windowsOf } from "./resample/windows.js";

export type { ResampleFilter, RgbImage };

/** In pixels. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/**
 * A size to stretch to; the length of the shorter edge, with the most that the other edge may become; or a size to cover
 * without changing the proportions, as timm does for crops that are not square.
 */
export type ResizeTarget =
  | ImageSize
  | { readonly shortestEdge: number; readonly longestEdge?: number }
  | { readonly covering: ImageSize };

type Rgb = readonly [red: number, green: number, blue: number];

/** A `preprocessor_config.json`, checked and with defaults filled in. The steps run in the order of the fields. */
export interface ImageProcessorConfig {
  readonly doResize: boolean;
  readonly size: ResizeTarget;
  readonly resample: ResampleFilter;
  readonly doCenterCrop: boolean;
  readonly cropSize: ImageSize;
  /**
   * Where the crop begins when half a pixel is left over: `down`, as Hugging Face's processors, or `half-to-even`, as
   * torchvision and timm. Default `down`.
   */
  readonly cropOffset?: "down" | "half-to-even";
  readonly doRescale: boolean;
  /** Multiplies the 8-bit values, usually 1 / 255. */
  readonly rescaleFactor: number;
  readonly doNormalize: boolean;
  /** In units of the rescaled values, as is `imageStd`. */
  readonly imageMean: Rgb;
  readonly imageStd: Rgb;
}

/** Longest edge in pixels that a config or a resize may ask for. */
const maxEdge = 8192;
/** Factors, means and deviations stay between these, so that every result is a finite float32. */
const minScale = 1e-6;
const maxScale = 1e6;

/** By Pillow's numbers. */
const filtersByNumber: ReadonlyMap<unknown, ResampleFilter> = new Map([
  [0, "nearest"],
  [1, "lanczos"],
  [2, "bilinear"],
  [3, "bicubic"],
]);

const filterCheck = oneOf([...filtersByNumber.values()]);
const floatsCheck = check("a Float32Array", (value) => value instanceof Float32Array);

const invalidConfig = (message: string): never => {
  throw new PptError("INVALID_CONFIG", `preprocessor_config: ${message}`);
};

/** What a `preprocessor_config.json` may leave to others. */
export interface ProcessorSurroundings {
  /** `image_processor_type` of the checkpoint's `config.json`, taken where the file names none. */
  readonly type?: unknown;
  /** `model_type` of the checkpoint's `config.json`, whose processor is taken where neither file names one. */
  readonly modelType?: unknown;
}

/**
 * Reads a `preprocessor_config.json`, or what a `processor_config.json` holds as `image_processor`. Fields that are missing
 * or null have the defaults of the processor that the file names, else of that which the model's type has. Without either it
 * is a ViT's. A step (`do_resize`, ...) that is null is off.
 * @throws PptError INVALID_CONFIG, also for a processor and for fields that change pixels in ways that are not known here
 */
export function parseImageProcessorConfig(
  json: unknown,
  surroundings: ProcessorSurroundings = {},
): ImageProcessorConfig {
  requireReadable("parseImageProcessorConfig", json, "INVALID_CONFIG");
  if (!isObject(json)) return invalidConfig("expected a JSON object");
  const own = new Map<string, unknown>(Object.entries(json));
  const named = own.get("image_processor_type") ?? own.get("feature_extractor_type");
  const type = named ?? surroundings.type ?? undefined;
  const defaults = new Map<string, unknown>(Object.entries(defaultsOf(type, surroundings.modelType)));
  refuseUnknownSteps(own);

  /** The field as `read` understands it, which is undefined where it cannot be what is `expected`. */
  function field<R>(name: string, expected: string, read: (value: unknown) => R | undefined): R {
    const value = own.get(name) ?? defaults.get(name);
    return read(value) ?? invalidConfig(`${name} must be ${expected}, got ${show(value)}`);
  }
  const flag = (name: string) =>
    field(name, "true or false", (value) => (typeof value === "boolean" ? value : undefined));
  // In transformers null switches a step off, while a field that is missing has its default.
  const step = (name: string) => own.get(name) !== null && flag(name);
  const edges = `whole numbers from 1 to ${maxEdge}`;
  const scales = `from ${minScale} to ${maxScale}`;

  const toSquare = flag("default_to_square");
  return {
    doResize: step("do_resize"),
    size: field(
      "size",
      `{height, width}, {shortest_edge}, {shortest_edge, longest_edge} or one number, of ${edges}`,
      (value) => readResizeTarget(value, !toSquare),
    ),
    resample: field(
      "resample",
      [...filtersByNumber].map(([number, name]) => `${number} (${name})`).join(", "),
      (value) => filtersByNumber.get(value),
    ),
    doCenterCrop: step("do_center_crop"),
    cropSize: field("crop_size", `{height, width} or one number, of ${edges}`, readSize),
    doRescale: step("do_rescale"),
    rescaleFactor: field("rescale_factor", `a number ${scales}`, (value) => (isScale(value) ? value : undefined)),
    doNormalize: step("do_normalize"),
    imageMean: field("image_mean", `one or three numbers from -${maxScale} to ${maxScale}`, (value) =>
      readRgb(value, isMean),
    ),
    imageStd: field("image_std", `one or three numbers ${scales}`, (value) => readRgb(value, isScale)),
  };
}

/** Types that transformers' own table does not have. */
const unlisted: Readonly<Record<string, string>> = {
  dinov2_with_registers: "Bit",
  clip_vision_model: "CLIP",
  chinese_clip_vision_model: "ChineseCLIP",
  altclip_vision_model: "CLIP",
};

/** Of processors that do not crop. Kept as it is: `ppt-vit eval` knows a checkpoint by the text of its settings. */
const uncropped: ImageSize = { width: 224, height: 224 };

/** Where neither a default nor a field says more. */
const withoutWord = { default_to_square: true, crop_size: uncropped };

function defaultsOf(type: unknown, modelType: unknown): Readonly<Record<string, unknown>> {
  const of = (family: string) => ({ ...withoutWord, ...processorDefaults[family] });
  if (type === undefined) {
    const model = typeof modelType === "string" ? modelType : "vit";
    const table = [unlisted, processorByModelType].find((known) => Object.hasOwn(known, model));
    return of(table?.[model] ?? "ViT");
  }
  const family = typeof type === "string" ? type.replace(/(ImageProcessor|FeatureExtractor)(Fast|Pil)?$/, "") : "";
  if (Object.hasOwn(processorDefaults, family)) return of(family);
  return invalidConfig(
    `image_processor_type ${show(type)} is not supported; ${Object.keys(processorDefaults).join(", ")} are, with ImageProcessor or FeatureExtractor behind the name`,
  );
}

/** Steps that are not taken here, by their names and the values that leave pixels alone. */
const steps: readonly (readonly [
  name: RegExp,
  idle: (value: unknown, own: ReadonlyMap<string, unknown>) => boolean,
])[] = [
  [/^do_(resize|center_crop|rescale|normalize|convert_rgb|convert_annotations|reduce_labels)$/, () => true],
  [/^do_/, (value) => value === false],
  [/^pad_size$|^size_divisor$|^pad_(to_)?multiple|^ensure_multiple_of$/, (_, own) => own.get("do_pad") === false],
  [/^(crop_pct|offset|rescale_offset|keep_aspect_ratio|thumbnail|background_color)$/, (value) => value === false],
];

/** @throws PptError INVALID_CONFIG for a field that would change pixels */
function refuseUnknownSteps(own: ReadonlyMap<string, unknown>): void {
  for (const [name, value] of own) {
    const step = steps.find(([pattern]) => pattern.test(name));
    if (value !== null && step && !step[1](value, own))
      invalidConfig(`${name} ${show(value)} is not supported: it changes the pixels that the model sees`);
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isEdge = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= maxEdge;

const isScale = (value: unknown): value is number =>
  typeof value === "number" && value >= minScale && value <= maxScale;

const isMean = (value: unknown): value is number => typeof value === "number" && Math.abs(value) <= maxScale;

function readResizeTarget(value: unknown, numberIsShortestEdge: boolean): ResizeTarget | undefined {
  if (isEdge(value) && numberIsShortestEdge) return { shortestEdge: value };
  const shortestEdge = isObject(value) ? (value.shortest_edge ?? undefined) : undefined;
  if (!isObject(value) || shortestEdge === undefined) return readSize(value);
  const longestEdge = value.longest_edge ?? undefined;
  if (!isEdge(shortestEdge)) return undefined;
  if (longestEdge === undefined) return { shortestEdge };
  return isEdge(longestEdge) ? { shortestEdge, longestEdge } : undefined;
}

/** {height, width}, [height, width], or one number for both. */
function readSize(value: unknown): ImageSize | undefined {
  if (value === uncropped) return uncropped;
  let [height, width] = [value, value];
  if (isObject(value)) [height, width] = [value.height, value.width];
  if (Array.isArray(value) && value.length === 2) [height, width] = value;
  return isEdge(height) && isEdge(width) ? { height, width } : undefined;
}

function readRgb(value: unknown, isValid: (value: unknown) => value is number): Rgb | undefined {
  const [red, green, blue, ...others]: unknown[] = Array.isArray(value) ? value : [value, value, value];
  return isValid(red) && isValid(green) && isValid(blue) && others.length === 0 ? [red, green, blue] : undefined;
}

const invalidImage = (message: string): never => {
  throw new PptError("INVALID_IMAGE", `image: ${message}`);
};

const showSize = ({ width, height }: ImageSize): string => `${width}x${height}`;

/** @throws PptError INVALID_IMAGE */
function checkImage({ width, height, data }: RgbImage): void {
  const isCount = (n: number) => Number.isSafeInteger(n) && n >= 1;
  if (!isCount(width) || !isCount(height)) invalidImage(`width and height must be at least 1, got ${width}x${height}`);
  if (data.length !== 3 * width * height)
    invalidImage(`${width}x${height} pixels in RGB take ${3 * width * height} bytes, got ${data.length}`);
}

/**
 * Size of an image of `size` when it has been resized and cropped, which is the model's input.
 * @throws PptError INVALID_IMAGE where an edge would become longer than 8192 pixels or vanish.
 */
export function processedSize(size: ImageSize, config: ImageProcessorConfig): ImageSize {
  requireSize("processedSize", size);
  requireProcessor("processedSize", config);
  const resized = resizedSize(size, config);
  return config.doCenterCrop ? config.cropSize : resized;
}

/** Truncates and rounds where transformers does. */
function resizedSize(size: ImageSize, { doResize, size: target }: ImageProcessorConfig): ImageSize {
  if (!doResize) return size;
  if ("width" in target) return target;
  if ("covering" in target) return coveringSize(size, target.covering);
  const short = Math.min(size.width, size.height);
  const long = Math.max(size.width, size.height);
  const { shortestEdge, longestEdge = Number.POSITIVE_INFINITY } = target;
  // Where the long edge is limited, the short one is fractional, and the long one is derived before that is rounded.
  const exactShort = (long / short) * shortestEdge > longestEdge ? (longestEdge * short) / long : shortestEdge;
  const newShort = roundHalfToEven(exactShort);
  if (newShort === short) return size;
  const newLong = Math.trunc((exactShort * long) / short);
  const resized =
    size.width < size.height ? { width: newShort, height: newLong } : { width: newLong, height: newShort };
  return checkResized(size, resized);
}

/** The smallest size with the proportions of `size` that covers `target`. */
function coveringSize(size: ImageSize, target: ImageSize): ImageSize {
  const ratio = Math.min(size.width / target.width, size.height / target.height);
  return checkResized(size, {
    width: roundHalfToEven(size.width / ratio),
    height: roundHalfToEven(size.height / ratio),
  });
}

/** @throws PptError INVALID_IMAGE where a long and narrow picture would grow beyond measure or vanish. */
function checkResized(size: ImageSize, resized: ImageSize): ImageSize {
  if (Math.min(resized.width, resized.height) < 1 || Math.max(resized.width, resized.height) > maxEdge)
    invalidImage(
      `${showSize(size)} would become ${showSize(resized)}; edges must be from 1 to ${maxEdge}: crop it first`,
    );
  return resized;
}

/** As Python rounds. */
function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * The image at another size: Pillow's `resize`, bit for bit.
 * @throws PptError INVALID_IMAGE
 */
export function resizeImage(image: RgbImage, size: ImageSize, filter: ResampleFilter): RgbImage {
  requireImage("resizeImage", image);
  requireSize("resizeImage", size);
  const { width, height } = size;
  checkArgument("resizeImage", "filter", filter, filterCheck, "INVALID_OPTION");
  checkImage(image);
  if (!isEdge(width) || !isEdge(height))
    invalidImage(`cannot be resized to ${width}x${height}; edges must be whole numbers from 1 to ${maxEdge}`);
  return resample(
    image,
    windowsOf(filter, image.width, width, 0, width),
    windowsOf(filter, image.height, height, 0, height),
  );
}

/**
 * The 8-bit pixels that the model sees, before they are rescaled and normalised. Where the crop is larger than the
 * image, black surrounds it.
 * @throws PptError INVALID_IMAGE
 */
export function resizeAndCrop(image: RgbImage, config: ImageProcessorConfig): RgbImage {
  requireImage("resizeAndCrop", image);
  requireProcessor("resizeAndCrop", config);
  checkImage(image);
  const resized = resizedSize(image, config);
  const { width, height } = processedSize(image, config);
  const begin = config.cropOffset === "half-to-even" ? roundHalfToEven : Math.floor;
  const left = begin((resized.width - width) / 2);
  const top = begin((resized.height - height) / 2);
  // Only what the crop keeps is computed.
  const kept = resample(
    image,
    windowsOf(config.resample, image.width, resized.width, Math.max(left, 0), Math.min(left + width, resized.width)),
    windowsOf(config.resample, image.height, resized.height, Math.max(top, 0), Math.min(top + height, resized.height)),
  );
  if (kept.width === width && kept.height === height) return kept;
  const data = new Uint8ClampedArray(3 * width * height);
  for (let y = 0; y < kept.height; y++) {
    const row = kept.data.subarray(3 * y * kept.width, 3 * (y + 1) * kept.width);
    data.set(row, 3 * ((y + Math.max(-top, 0)) * width + Math.max(-left, 0)));
  }
  return { width, height, data };
}

/**
 * The model's input for one image: resized, cropped, rescaled and normalised, in planes of red, green and blue.
 * @throws PptError INVALID_IMAGE
 */
export function processImage(
  image: RgbImage,
  config: ImageProcessorConfig,
): { shape: [1, 3, number, number]; data: Float32Array } {
  requireImage("processImage", image);
  requireProcessor("processImage", config);
  const { width, height } = processedSize(image, config);
  const data = new Float32Array(3 * width * height);
  processImageInto(image, config, data);
  return { shape: [1, 3, height, width], data };
}

/**
 * The input of one run: images of one shape, each as `processImage` makes it, one after the other.
 * images [C,H,W] each -> [B,C,H,W]
 */
export function stackImages(images: readonly Float32Array[]): Float32Array {
  const length = images[0]?.length ?? 0;
  const batch = new Float32Array(images.length * length);
  for (const [i, image] of images.entries()) batch.set(image, i * length);
  return batch;
}

/**
 * `processImage` into `target`, from element `offset` on: one image of a batch.
 * @returns what `resizeAndCrop` gives: the 8-bit pixels that the values were made from
 * @throws PptError INVALID_IMAGE, INVALID_INPUT where `target` is too short.
 */
export function processImageInto(
  image: RgbImage,
  config: ImageProcessorConfig,
  target: Float32Array,
  offset = 0,
): RgbImage {
  checkArgument("processImageInto", "target", target, floatsCheck);
  const seen = resizeAndCrop(image, config);
  const { data } = seen;
  if (!(offset >= 0 && offset + data.length <= target.length))
    throw new PptError(
      "INVALID_INPUT",
      `processImageInto: ${data.length} values do not fit into ${target.length} from element ${offset} on`,
    );
  const planes = target.subarray(offset, offset + data.length);
  const values = valuesOf(config);
  // One pass over flat arrays: two and a half times as fast as one over views of each plane.
  const [green, blue] = [data.length / 3, (2 * data.length) / 3];
  for (let i = 0, from = 0; i < green; i++, from += 3) {
    planes[i] = values[data[from]!]!;
    planes[green + i] = values[256 + data[from + 1]!]!;
    planes[blue + i] = values[512 + data[from + 2]!]!;
  }
  return seen;
}

/** (v * factor - mean) / std of each byte v and channel, [3, 256], rounded to float32 after each step as NumPy does. */
function valuesOf({ doRescale, rescaleFactor, doNormalize, imageMean, imageStd }: ImageProcessorConfig): Float32Array {
  const values = new Float32Array(3 * 256);
  for (const [channel, mean] of imageMean.entries())
    for (let byte = 0; byte < 256; byte++) {
      const value = doRescale ? Math.fround(byte * rescaleFactor) : byte;
      values[256 * channel + byte] = doNormalize
        ? Math.fround(value - Math.fround(mean)) / Math.fround(imageStd[channel]!)
        : value;
    }
  return values;
}

/** Reads the fields of a `preprocessor_config.json`, which say what an image processor of Hugging Face does with a picture. */
import { PptError } from "../errors.js";
import { show } from "../show.js";
import { processorDefaults } from "./processor-defaults.js";
import type { ResampleFilter } from "./resample/windows.js";

/** A size in pixels. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/**
 * What a picture is resized to: a size that it is stretched to; a length of its shorter edge, with an upper limit for the
 * longer one; a size that it covers while it keeps its proportions, as timm does for crops that are not square; or the multiples
 * of `multipleOf` pixels that are nearest to a size, as DPT does it.
 */
export type ResizeTarget =
  | ImageSize
  | { readonly shortestEdge: number; readonly longestEdge?: number }
  | { readonly covering: ImageSize }
  | NearestMultiples;

/** Edges are rounded to multiples of `multipleOf`. If the proportions are kept, one edge is that of `near`. */
export interface NearestMultiples {
  readonly near: ImageSize;
  readonly multipleOf: number;
  readonly keepAspectRatio: boolean;
}

export type Rgb = readonly [red: number, green: number, blue: number];

/** A checked `preprocessor_config.json` with defaults filled in. The steps run in the order of the fields. */
export interface ImageProcessorConfig {
  readonly doResize: boolean;
  readonly size: ResizeTarget;
  readonly resample: ResampleFilter;
  readonly doCenterCrop: boolean;
  readonly cropSize: ImageSize;
  /**
   * How the first pixel of the crop is rounded if it lies at half a pixel: `down` as in Hugging Face's processors, or
   * `half-to-even` as in torchvision and timm. Default `down`.
   */
  readonly cropOffset?: "down" | "half-to-even";
  readonly doRescale: boolean;
  /** Pixels are rescaled before they are resized, so that resizing does not round them to bytes, as DINOv3 does. Default false. */
  readonly rescaleFirst?: boolean;
  /** The factor of the 8-bit values, usually 1 / 255. */
  readonly rescaleFactor: number;
  readonly doNormalize: boolean;
  /** In units of the rescaled values. So is `imageStd`. */
  readonly imageMean: Rgb;
  readonly imageStd: Rgb;
  /** Zeros are put around the normalised picture, as many before as behind, so that both edges become multiples of this. */
  readonly padToMultipleOf?: number;
}

/** Longest edge in pixels that a config or a resize may ask for. */
export const maxEdge = 8192;
/** Limits of factors, means and deviations, so that every result is a finite float32. */
const minScale = 1e-6;
const maxScale = 1e6;

/** Pillow's numbers of its filters. */
export const filtersByNumber: ReadonlyMap<unknown, ResampleFilter> = new Map([
  [0, "nearest"],
  [1, "lanczos"],
  [2, "bilinear"],
  [3, "bicubic"],
]);

const invalidConfig = (message: string): never => {
  throw new PptError("INVALID_CONFIG", `preprocessor_config: ${message}`);
};

/**
 * Reads a `preprocessor_config.json`, or the `image_processor` of a `processor_config.json`. Fields that are missing or null
 * have the defaults of the processor that the file names, else those of the processor `type`, else the values of `unnamed`. A
 * step (`do_resize`, ...) that is null is off.
 * @throws PptError INVALID_CONFIG, also for unknown processors and for fields that change pixels in an unknown way
 */
export function readImageProcessor(
  json: unknown,
  type: unknown,
  unnamed: Readonly<Record<string, unknown>>,
): ImageProcessorConfig {
  if (!isObject(json)) return invalidConfig("expected a JSON object");
  const own = new Map<string, unknown>(Object.entries(json));
  const named = own.get("image_processor_type") ?? own.get("feature_extractor_type") ?? type ?? undefined;
  const known = named === undefined ? unnamed : defaultsOf(named);
  const defaults = new Map<string, unknown>(Object.entries({ ...withoutWord, ...known }));
  const dpt = defaults.has("ensure_multiple_of");
  refuseUnknownSteps(own, dpt);

  /** What `read` makes of a field's value. If `read` returns undefined, the error says what is `expected`. */
  function field<R>(name: string, expected: string, read: (value: unknown) => R | undefined): R {
    const value = own.get(name) ?? defaults.get(name);
    return read(value) ?? invalidConfig(`${name} must be ${expected}, got ${show(value)}`);
  }
  const flag = (name: string) =>
    field(name, "true or false", (value) => (typeof value === "boolean" ? value : undefined));
  // In transformers null switches a step off, and a missing field has its default.
  const step = (name: string) => own.get(name) !== null && flag(name);
  const edges = `whole numbers from 1 to ${maxEdge}`;
  const scales = `from ${minScale} to ${maxScale}`;

  const toSquare = flag("default_to_square");
  const edge = (name: string) =>
    field(name, `a whole number from 1 to ${maxEdge}`, (value) => (isEdge(value) ? value : undefined));
  const size = () =>
    field(
      "size",
      `{height, width}, {shortest_edge}, {shortest_edge, longest_edge} or one number, of ${edges}`,
      (value) => readResizeTarget(value, !toSquare),
    );
  return {
    doResize: step("do_resize"),
    size: dpt
      ? multiplesNear(field("size", `{height, width} or one number, of ${edges}`, readSize), {
          multipleOf: edge("ensure_multiple_of"),
          keepAspectRatio: flag("keep_aspect_ratio"),
        })
      : size(),
    resample: field(
      "resample",
      [...filtersByNumber].map(([number, name]) => `${number} (${name})`).join(", "),
      (value) => filtersByNumber.get(value),
    ),
    doCenterCrop: step("do_center_crop"),
    cropSize: field("crop_size", `{height, width} or one number, of ${edges}`, readSize),
    doRescale: step("do_rescale"),
    ...(defaults.get("rescale_first") === true && step("do_rescale") && { rescaleFirst: true }),
    rescaleFactor: field("rescale_factor", `a number ${scales}`, (value) => (isScale(value) ? value : undefined)),
    doNormalize: step("do_normalize"),
    imageMean: field("image_mean", `one or three numbers from -${maxScale} to ${maxScale}`, (value) =>
      readRgb(value, isMean),
    ),
    imageStd: field("image_std", `one or three numbers ${scales}`, (value) => readRgb(value, isScale)),
    ...(dpt && step("do_pad") && { padToMultipleOf: edge("size_divisor") }),
  };
}

/** The size itself if every picture gets it, so that the size of the model is known. */
const multiplesNear = (near: ImageSize, how: Omit<NearestMultiples, "near">): ResizeTarget =>
  !how.keepAspectRatio && near.width % how.multipleOf === 0 && near.height % how.multipleOf === 0
    ? near
    : { near, ...how };

/** The crop size of processors that do not crop. Do not change it: `ppt-vit eval` compares settings by their text. */
const uncropped: ImageSize = { width: 224, height: 224 };

/** Values of fields that neither the file nor the processor's defaults have. */
const withoutWord = { default_to_square: true, crop_size: uncropped };

/** @throws PptError INVALID_CONFIG */
function defaultsOf(type: unknown): Readonly<Record<string, unknown>> {
  const name = typeof type === "string" ? type.replace(/(ImageProcessor|FeatureExtractor)(Fast|Pil)?$/, "") : "";
  if (Object.hasOwn(processorDefaults, name)) return processorDefaults[name]!;
  return invalidConfig(
    `image_processor_type ${show(type)} is not supported; ${Object.keys(processorDefaults).join(", ")} are, with ImageProcessor or FeatureExtractor behind the name`,
  );
}

/** Fields that ask for a step. `idle` tells values that are harmless: the step is known here, or it leaves pixels alone. */
const steps: readonly (readonly [
  name: RegExp,
  idle: (value: unknown, own: ReadonlyMap<string, unknown>) => boolean,
])[] = [
  [/^do_(resize|center_crop|rescale|normalize|convert_rgb|convert_annotations|reduce_labels)$/, () => true],
  [/^do_/, (value) => value === false],
  [/^pad_size$|^size_divisor$|^pad_(to_)?multiple|^ensure_multiple_of$/, (_, own) => own.get("do_pad") === false],
  [/^(crop_pct|offset|rescale_offset|keep_aspect_ratio|thumbnail|background_color)$/, (value) => value === false],
];

/** Steps of DPT's processor alone. Other processors of transformers ignore these fields, and some files mean them all the same. */
const stepsOfDpt = /^(do_pad|size_divisor|ensure_multiple_of|keep_aspect_ratio)$/;

/** @throws PptError INVALID_CONFIG for a field that would change pixels */
function refuseUnknownSteps(own: ReadonlyMap<string, unknown>, dpt: boolean): void {
  for (const [name, value] of own) {
    if (dpt && stepsOfDpt.test(name)) continue;
    const step = steps.find(([pattern]) => pattern.test(name));
    if (value !== null && step && !step[1](value, own))
      invalidConfig(`${name} ${show(value)} is not supported: it changes the pixels that the model sees`);
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const isEdge = (value: unknown): value is number =>
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

/** A size given as {height, width}, as [height, width], or as one number for both. */
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

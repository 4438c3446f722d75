/** From 8-bit pixels to a model's input: the steps of Hugging Face's image processors, with exactly Pillow's numbers. */

import { requireImage, requireProcessor, requireSize } from "../arguments.js";
import { PptError } from "../errors.js";
import { check, checkArgument, oneOf } from "../options.js";
import {
  filtersByNumber,
  type ImageProcessorConfig,
  type ImageSize,
  isEdge,
  maxEdge,
  type NearestMultiples,
} from "./processor-config.js";
import { resampleFloats } from "./resample/floats.js";
import { type RgbImage, resample } from "./resample/resample.js";
import { type ResampleFilter, type Windows, windowsOf } from "./resample/windows.js";

export type { ResampleFilter, RgbImage };

const filterCheck = oneOf([...filtersByNumber.values()]);
const floatsCheck = check("a Float32Array", (value) => value instanceof Float32Array);

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
 * The size that an image of `size` has after resizing, cropping and padding. It is the size of the model's input.
 * @throws PptError INVALID_IMAGE if an edge would become longer than 8192 pixels or shorter than one
 */
export function processedSize(size: ImageSize, config: ImageProcessorConfig): ImageSize {
  requireSize("processedSize", size);
  requireProcessor("processedSize", config);
  return paddedSize(croppedSize(size, config), config);
}

const croppedSize = (size: ImageSize, config: ImageProcessorConfig): ImageSize =>
  config.doCenterCrop ? config.cropSize : resizedSize(size, config);

function paddedSize(size: ImageSize, { padToMultipleOf }: ImageProcessorConfig): ImageSize {
  if (padToMultipleOf === undefined) return size;
  const up = (edge: number) => Math.ceil(edge / padToMultipleOf) * padToMultipleOf;
  return { width: up(size.width), height: up(size.height) };
}

/** The size after resizing. It is truncated and rounded at the same places as in transformers. */
function resizedSize(size: ImageSize, { doResize, size: target }: ImageProcessorConfig): ImageSize {
  if (!doResize) return size;
  if ("width" in target) return target;
  if ("covering" in target) return coveringSize(size, target.covering);
  if ("near" in target) return nearestMultiples(size, target);
  const short = Math.min(size.width, size.height);
  const long = Math.max(size.width, size.height);
  const { shortestEdge, longestEdge = Number.POSITIVE_INFINITY } = target;
  // If the long edge hits its limit, the short edge is a fraction, and the long edge is computed before that is rounded.
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

/** Floating point as in transformers' `get_resize_output_image_size`: edges half-way between two multiples depend on it. */
function nearestMultiples(size: ImageSize, { near, multipleOf, keepAspectRatio }: NearestMultiples): ImageSize {
  let across = near.width / size.width;
  let down = near.height / size.height;
  // The edge that changes less gets its length.
  if (keepAspectRatio) across = down = Math.abs(1 - across) < Math.abs(1 - down) ? across : down;
  const rounded = (edge: number) => roundHalfToEven(edge / multipleOf) * multipleOf;
  return checkResized(size, { width: rounded(across * size.width), height: rounded(down * size.height) });
}

/** @throws PptError INVALID_IMAGE if a long and narrow picture would get an edge above the limit or below one pixel */
function checkResized(size: ImageSize, resized: ImageSize): ImageSize {
  if (Math.min(resized.width, resized.height) < 1 || Math.max(resized.width, resized.height) > maxEdge)
    invalidImage(
      `${showSize(size)} would become ${showSize(resized)}; edges must be from 1 to ${maxEdge}: crop it first`,
    );
  return resized;
}

/** Rounds as Python does. */
function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * The image at another size, equal to Pillow's `resize` bit for bit.
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
 * The 8-bit pixels that the model sees, before they are rescaled and normalised. If the crop is larger than the image, the
 * image gets a black border. Padding has the colour that normalisation turns into zero. Where a processor rescales first, the model
 * sees fractions of a byte, which are rounded here.
 * @throws PptError INVALID_IMAGE
 */
export function resizeAndCrop(image: RgbImage, config: ImageProcessorConfig): RgbImage {
  requireImage("resizeAndCrop", image);
  requireProcessor("resizeAndCrop", config);
  return padded(cropped(image, config), config);
}

/** The same without padding. */
function cropped(image: RgbImage, config: ImageProcessorConfig): RgbImage {
  return config.rescaleFirst
    ? rounded(croppedFloats(image, config))
    : croppedBy(resample, Uint8ClampedArray, image, config);
}

/** A picture in bytes, or in fractions of bytes: data [height, width, 3]. */
interface Pixels<Data = RgbImage["data"] | Float32Array> extends ImageSize {
  readonly data: Data;
}

const croppedFloats = (image: RgbImage, config: ImageProcessorConfig): Pixels<Float32Array> =>
  croppedBy(resampleFloats, Float32Array, image, config);

const rounded = ({ width, height, data }: Pixels<Float32Array>): RgbImage => ({
  width,
  height,
  data: Uint8ClampedArray.from(data),
});

function croppedBy<Data extends Pixels["data"]>(
  resampled: (image: RgbImage, columns: Windows, rows: Windows) => Pixels<Data>,
  Data: new (length: number) => Data,
  image: RgbImage,
  config: ImageProcessorConfig,
): Pixels<Data> {
  checkImage(image);
  const resized = resizedSize(image, config);
  const { width, height } = croppedSize(image, config);
  const begin = config.cropOffset === "half-to-even" ? roundHalfToEven : Math.floor;
  const left = begin((resized.width - width) / 2);
  const top = begin((resized.height - height) / 2);
  // Only pixels inside the crop are computed.
  const kept = resampled(
    image,
    windowsOf(config.resample, image.width, resized.width, Math.max(left, 0), Math.min(left + width, resized.width)),
    windowsOf(config.resample, image.height, resized.height, Math.max(top, 0), Math.min(top + height, resized.height)),
  );
  if (kept.width === width && kept.height === height) return kept;
  const data = new Data(3 * width * height);
  placeInto({ width, data }, kept, Math.max(-left, 0), Math.max(-top, 0));
  return { width, height, data };
}

/** Writes a picture into a larger one, its first pixel at column `left` and row `top`. */
function placeInto(target: Pick<Pixels, "width" | "data">, { width, height, data }: Pixels, left: number, top: number) {
  for (let y = 0; y < height; y++)
    target.data.set(data.subarray(3 * y * width, 3 * (y + 1) * width), 3 * ((y + top) * target.width + left));
}

/** Pixels before the picture in a padded one. An odd pixel goes behind. */
const marginBefore = (edge: number, paddedEdge: number): number => Math.floor((paddedEdge - edge) / 2);

function padded(image: RgbImage, config: ImageProcessorConfig): RgbImage {
  const { width, height } = paddedSize(image, config);
  if (width === image.width && height === image.height) return image;
  const { doRescale, rescaleFactor, doNormalize, imageMean } = config;
  const zero = imageMean.map((mean) => (doNormalize ? mean / (doRescale ? rescaleFactor : 1) : 0));
  const data = new Uint8ClampedArray(3 * width * height);
  for (let i = 0; i < data.length; i++) data[i] = zero[i % 3]!;
  placeInto({ width, data }, image, marginBefore(image.width, width), marginBefore(image.height, height));
  return { width, height, data };
}

/**
 * The model's input for one image, [1, 3, H, W]: resized, cropped, rescaled and normalised, in planes of red, green and blue.
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
 * Writes what `processImage` gives into `target`, from element `offset` on: one image of a batch.
 * @returns the 8-bit pixels that the values were made from, as `resizeAndCrop` gives them
 * @throws PptError INVALID_IMAGE, INVALID_INPUT if `target` is too short
 */
export function processImageInto(
  image: RgbImage,
  config: ImageProcessorConfig,
  target: Float32Array,
  offset = 0,
): RgbImage {
  checkArgument("processImageInto", "target", target, floatsCheck);
  requireImage("processImageInto", image);
  requireProcessor("processImageInto", config);
  const floats = config.rescaleFirst ? croppedFloats(image, config) : undefined;
  const inside = floats ? rounded(floats) : cropped(image, config);
  const seen = padded(inside, config);
  const { data } = seen;
  if (!(offset >= 0 && offset + data.length <= target.length))
    throw new PptError(
      "INVALID_INPUT",
      `processImageInto: ${data.length} values do not fit into ${target.length} from element ${offset} on`,
    );
  const planes = target.subarray(offset, offset + data.length);
  if (floats) {
    // No processor that rescales first pads.
    writeFloats(floats.data, config, planes);
    return seen;
  }
  const values = valuesOf(config);
  // One pass over flat arrays is two and a half times as fast as a pass over a view of each plane.
  const [green, blue] = [data.length / 3, (2 * data.length) / 3];
  for (let i = 0, from = 0; i < green; i++, from += 3) {
    planes[i] = values[data[from]!]!;
    planes[green + i] = values[256 + data[from + 1]!]!;
    planes[blue + i] = values[512 + data[from + 2]!]!;
  }
  if (seen !== inside) clearPadding(planes, inside, seen);
  return seen;
}

/** Rescales and normalises data [H, W, 3] into planes [3, H, W]. */
function writeFloats(
  data: Float32Array,
  { rescaleFactor, doNormalize, imageMean, imageStd }: ImageProcessorConfig,
  planes: Float32Array,
): void {
  const pixels = data.length / 3;
  for (const [channel, mean] of imageMean.entries())
    for (let i = 0; i < pixels; i++) {
      const value = data[3 * i + channel]! * rescaleFactor;
      planes[channel * pixels + i] = doNormalize ? (value - mean) / imageStd[channel]! : value;
    }
}

/** Makes the padding exactly zero: its colour in 8 bits is only near it. planes [3, H, W] */
function clearPadding(planes: Float32Array, inside: ImageSize, { width, height }: ImageSize): void {
  const left = marginBefore(inside.width, width);
  const top = marginBefore(inside.height, height);
  for (let y = 0; y < 3 * height; y++) {
    const row = planes.subarray(y * width, (y + 1) * width);
    const isPadding = y % height < top || y % height >= top + inside.height;
    row.fill(0, 0, isPadding ? width : left);
    row.fill(0, left + inside.width);
  }
}

/** [3, 256]: (v * factor - mean) / std for each channel and byte v, rounded to float32 after each step as NumPy does. */
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

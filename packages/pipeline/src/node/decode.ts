/** Picture files to RGB pixels, as Pillow's `convert("RGB")` gives them. Node only: decoding is sharp's work. */
import { firstLineOf, isPptError, type RgbImage } from "@ppt-vit/core";
import type { Sharp } from "sharp";
import { asStill } from "../pictures/avif.js";
import { invalidImage, pictureHeader, requireBytes } from "../pictures/formats.js";
import { gifFrame, onScreen } from "../pictures/gif.js";
import type { PictureHeader } from "../pictures/header.js";
import { rgbOfInks } from "../pictures/inks.js";
import { type DecodeOptions, decodeLimits, decodeOptions } from "../pictures/options.js";
import type { PictureFormat } from "../pictures/signatures.js";
import { workingBytes } from "../pictures/working-memory.js";
import { type ImageInput, requirePicture } from "./inputs.js";
import { readPictureFile } from "./picture-file.js";
import { loadSharp, type OpenSharp } from "./sharp.js";

/** An encoded picture that may be decoded, and what its header says. */
export interface EncodedPicture {
  readonly bytes: Uint8Array;
  readonly header: PictureHeader;
  readonly encodedBytes: number;
  readonly decodedBytes: number;
  /** What decoding takes besides. */
  readonly workingBytes: number;
}

/** What messages call an input: its path, with control characters escaped. */
export const nameOf = (input: ImageInput): string =>
  input instanceof Uint8Array ? "image" : JSON.stringify(String(input)).slice(1, -1);

/**
 * Decodes JPEG, PNG, WebP, GIF or AVIF to 8-bit RGB. EXIF orientation is applied; transparency and colour profiles are
 * dropped and inks (CMYK) multiplied, as Pillow does, so that a model sees the pixels it was trained on. Of 16 bits a value
 * keeps the upper 8.
 * @throws PptError NOT_FOUND; INVALID_IMAGE for empty, corrupt, oversized, animated or unsupported pictures;
 * INVALID_INPUT, INVALID_OPTION
 */
export async function decodeImage(input: ImageInput, options: DecodeOptions = {}): Promise<RgbImage> {
  return (await openPicture(input, options)).decode();
}

/** A picture that was read, and is not decoded yet. */
export interface OpenedPicture {
  readonly format: PictureFormat;
  /** Pixels as they are stored, before the picture is turned as EXIF says. */
  readonly width: number;
  readonly height: number;
  readonly animated: boolean;
  /** What its pixels will take as 8-bit RGB. */
  readonly decodedBytes: number;
  /** What decoding takes besides, for as long as it lasts. */
  readonly workingBytes: number;
  /** @throws PptError INVALID_IMAGE */
  decode(): Promise<RgbImage>;
}

/**
 * `decodeImage` in two steps: the file is read and its header understood, so that its size is known before it is decoded.
 * @throws PptError as `decodeImage` does, but for what shows in the pixels
 */
export async function openPicture(input: ImageInput, given: DecodeOptions = {}): Promise<OpenedPicture> {
  const options = decodeOptions(given);
  const picture = await readPicture(input, options);
  const decode = await loadDecoder();
  const { format, width, height, animated } = picture.header;
  const { decodedBytes, workingBytes } = picture;
  return {
    format,
    width,
    height,
    animated,
    decodedBytes,
    workingBytes,
    decode: () => decode(picture, nameOf(input), options),
  };
}

/**
 * The bytes of an encoded picture, and what its header says: nothing is decoded.
 * @throws PptError NOT_FOUND; INVALID_IMAGE where it is none that `decodeImage` would begin with; INVALID_OPTION
 */
export async function readPicture(input: ImageInput, options: DecodeOptions = {}): Promise<EncodedPicture> {
  const limits = decodeLimits(options);
  requirePicture(input);
  const what = nameOf(input);
  const bytes = input instanceof Uint8Array ? input : await readPictureFile(input, what, limits);
  requireBytes(bytes.length, what, limits);
  const header = pictureHeader(bytes, what, limits);
  return {
    bytes,
    header,
    encodedBytes: bytes.length,
    decodedBytes: 3 * header.width * header.height,
    workingBytes: workingBytes(header),
  };
}

/** Decodes what was read, called `what` in errors. @throws PptError INVALID_IMAGE */
export type Decoder = (picture: EncodedPicture, what: string, options: DecodeOptions) => Promise<RgbImage>;

/** A decoder that hands its work to other threads before it returns, so that it goes on while a model keeps this one. */
export async function loadDecoder(): Promise<Decoder> {
  const sharp = await loadSharp();

  return async ({ bytes, header }, what, options) => {
    const { maxPixels } = decodeLimits(options);
    const open: OpenSharp = (encoded, more) =>
      sharp(encoded, {
        limitInputPixels: maxPixels <= Number.MAX_SAFE_INTEGER ? Math.floor(maxPixels) : false,
        failOn: "error",
        ignoreIcc: true,
        ...more,
      });
    try {
      return await (decodings[header.format] ?? decodePlain)(bytes, header, open);
    } catch (error) {
      if (isPptError(error)) throw error;
      return invalidImage(what, `not a readable picture (${firstLineOf(error)})`, error);
    }
  };
}

type Decoding = (bytes: Uint8Array, header: PictureHeader, open: OpenSharp) => Promise<RgbImage>;

const decodePlain: Decoding = (bytes, _header, open) => pixelsOf(open(bytes));

/** Where a format needs more than its decoder. */
const decodings: Readonly<Partial<Record<PictureHeader["format"], Decoding>>> = {
  async GIF(bytes, _header, open) {
    const frame = gifFrame(bytes)!;
    return onScreen(await pixelsOf(open(frame.file())), frame);
  },

  async JPEG(bytes, { components }, open) {
    if (components !== 4) return pixelsOf(open(bytes));
    // The inks themselves: their way to RGB leads libvips through a profile.
    const { data, info } = await open(bytes)
      .autoOrient()
      .pipelineColourspace("cmyk")
      .toColourspace("cmyk")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data: rgbOfInks(data) };
  },

  async AVIF(bytes, { items = 1 }, open) {
    const still = asStill(bytes);
    // libvips takes the first of several images, which need not be the one that the file is about.
    const page = items > 1 ? (await open(still).metadata()).pagePrimary : undefined;
    return pixelsOf(open(still, page === undefined ? {} : { page }));
  },
};

async function pixelsOf(picture: Sharp): Promise<RgbImage> {
  const { data, info } = await picture
    .autoOrient()
    .toColourspace("srgb")
    .removeAlpha()
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: info.channels === 1 ? repeatChannel(data) : data };
}

/** Grey pixels as RGB. */
function repeatChannel(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(grey.length * 3);
  for (let from = 0, to = 0; from < grey.length; from++, to += 3) rgb[to] = rgb[to + 1] = rgb[to + 2] = grey[from]!;
  return rgb;
}

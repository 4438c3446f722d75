/** Picture files to RGB pixels, as Pillow's `convert("RGB")` gives them, decoded by sharp. */
import { firstLineOf, isPptError, type RgbImage } from "@ppt-vit/core";
import type { Sharp } from "sharp";
import { asStill } from "../pictures/avif.js";
import { invalidImage, pictureHeader, requireBytes } from "../pictures/formats.js";
import { gifFrame, onScreen } from "../pictures/gif.js";
import type { PictureHeader } from "../pictures/header.js";
import { rgbOfInks } from "../pictures/inks.js";
import { type DecodeLimits, type DecodeOptions, decodeLimits, decodeOptions } from "../pictures/options.js";
import type { PictureFormat } from "../pictures/signatures.js";
import { workingBytes } from "../pictures/working-memory.js";
import { type ImageInput, isPictureSource, requirePicture } from "./inputs.js";
import { readPictureFile } from "./picture-file.js";
import { loadSharp, type OpenSharp } from "./sharp.js";

/** An encoded picture with its checked header. */
export interface EncodedPicture {
  readonly bytes: Uint8Array;
  readonly header: PictureHeader;
  readonly encodedBytes: number;
  readonly decodedBytes: number;
  /** Further bytes that decoding needs while it runs. */
  readonly workingBytes: number;
}

/** The name of an input in messages: its path, with control characters escaped. */
export const nameOf = (input: ImageInput): string =>
  input instanceof Uint8Array
    ? "image"
    : JSON.stringify(isPictureSource(input) ? input.name : String(input)).slice(1, -1);

/**
 * Decodes JPEG, PNG, WebP, GIF or AVIF to 8-bit RGB. EXIF orientation is applied. Transparency and colour profiles are
 * dropped and inks (CMYK) multiplied, as Pillow does, so that a model sees the pixels it was trained on. 16-bit values keep
 * their upper 8 bits.
 * @throws PptError NOT_FOUND; INVALID_IMAGE for empty, corrupt, oversized, animated or unsupported pictures;
 * INVALID_INPUT, INVALID_OPTION
 */
export async function decodeImage(input: ImageInput, options: DecodeOptions = {}): Promise<RgbImage> {
  return (await openPicture(input, options)).decode();
}

/** A picture that has been read and not decoded. */
export interface OpenedPicture {
  readonly format: PictureFormat;
  /** Pixels as stored, before EXIF's orientation is applied. */
  readonly width: number;
  readonly height: number;
  readonly animated: boolean;
  /** Bytes of its pixels as 8-bit RGB. */
  readonly decodedBytes: number;
  /** Further bytes that decoding needs while it runs. */
  readonly workingBytes: number;
  /** @throws PptError INVALID_IMAGE */
  decode(): Promise<RgbImage>;
}

/**
 * `decodeImage` in two steps: the file is read and its header parsed, so that the size is known before decoding.
 * @throws PptError as `decodeImage`, except for errors in the pixels
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
 * Reads a picture's bytes and parses its header, without decoding.
 * @throws PptError NOT_FOUND; INVALID_IMAGE if the header shows that it will not be decoded; INVALID_OPTION
 */
export async function readPicture(input: ImageInput, options: DecodeOptions = {}): Promise<EncodedPicture> {
  const limits = decodeLimits(options);
  requirePicture(input);
  const what = nameOf(input);
  const bytes = await bytesOf(input, what, limits);
  requireBytes(bytes.length, what, limits);
  const header = await pictureHeader(bytes, what, limits);
  return {
    bytes,
    header,
    encodedBytes: bytes.length,
    decodedBytes: 3 * header.width * header.height,
    workingBytes: workingBytes(header),
  };
}

function bytesOf(input: ImageInput, what: string, limits: DecodeLimits): Uint8Array | Promise<Uint8Array> {
  if (input instanceof Uint8Array) return input;
  return isPictureSource(input) ? input.read() : readPictureFile(input, what, limits);
}

/**
 * The bytes of a picture file as they are, before anything is decoded.
 * @throws PptError NOT_FOUND; INVALID_IMAGE for folders, pipes that are silent, and files that are empty, too large or no pictures
 */
export const readPictureBytes = async (input: string | URL, options: DecodeOptions = {}): Promise<Uint8Array> =>
  readPictureFile(input, nameOf(input), decodeLimits(decodeOptions(options)));

/** Decodes a picture that has been read; `what` is its name in errors. @throws PptError INVALID_IMAGE */
export type Decoder = (picture: EncodedPicture, what: string, options: DecodeOptions) => Promise<RgbImage>;

/** A decoder that hands its work to other threads before it returns. They continue while a model blocks this thread. */
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

/** Decodings of formats that need more than sharp's decoder. */
const decodings: Readonly<Partial<Record<PictureHeader["format"], Decoding>>> = {
  async GIF(bytes, _header, open) {
    const frame = gifFrame(bytes)!;
    return onScreen(await pixelsOf(open(frame.file())), frame);
  },

  async JPEG(bytes, { components }, open) {
    if (components !== 4) return pixelsOf(open(bytes));
    // The inks are taken as stored, because libvips would convert them through a colour profile.
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
    // Of several images libvips decodes the first, which may not be the primary one.
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

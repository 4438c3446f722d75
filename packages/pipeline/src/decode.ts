/** Picture files to RGB pixels, as Pillow's `convert("RGB")` gives them. Node only: decoding is sharp's work. */
import { readFile, stat } from "node:fs/promises";
import { isPptError, PptError, type RgbImage } from "@ppt-vit/core";
import { pathOf } from "./file-path.js";
import { type DecodeOptions, decodeDefaults as defaults } from "./formats.js";
import { decodeOptions, requireNodePicture } from "./options.js";

/** A file's path or `file:` URL, whose escapes need not be UTF-8, or the bytes of an encoded picture. */
export type ImageInput = string | URL | Uint8Array;

/** What sharp calls the formats that are read here, and what people call them. HEIF is read where it holds AVIF. */
const formats: Readonly<Record<string, string>> = {
  jpeg: "JPEG",
  png: "PNG",
  webp: "WebP",
  gif: "GIF",
  heif: "AVIF",
  avif: "AVIF",
};

const invalid = (what: string, problem: string, cause?: unknown): never => {
  throw new PptError("INVALID_IMAGE", `${what}: ${problem}`, { cause });
};

/** What messages call an input: its path, with control characters escaped. */
export const nameOf = (input: ImageInput): string =>
  input instanceof Uint8Array ? "image" : JSON.stringify(String(input)).slice(1, -1);

/**
 * Decodes JPEG, PNG, WebP, GIF or AVIF to 8-bit RGB. EXIF orientation is applied; transparency and colour profiles are
 * dropped, as Pillow does, so that a model sees the pixels it was trained on.
 * @throws PptError NOT_FOUND; INVALID_INPUT, INVALID_OPTION; INVALID_IMAGE for empty, corrupt, oversized, animated or unsupported pictures
 */
export async function decodeImage(input: ImageInput, given: DecodeOptions = {}): Promise<RgbImage> {
  const options = decodeOptions(given);
  requireNodePicture(input);
  const decode = await loadDecoder();
  return decode(await readImage(input, options), nameOf(input), options);
}

/**
 * The bytes of an encoded picture.
 * @throws PptError NOT_FOUND; INVALID_IMAGE where they are none or too many
 */
export async function readImage(
  input: ImageInput,
  { maxBytes = defaults.maxBytes }: DecodeOptions,
): Promise<Uint8Array> {
  const what = nameOf(input);
  const bytes = input instanceof Uint8Array ? input : await readLimited(input, what, maxBytes);
  if (bytes.length === 0) invalid(what, "the file is empty");
  if (bytes.length > maxBytes) invalid(what, `${bytes.length} bytes are more than the limit of ${maxBytes}`);
  return bytes;
}

/** Decodes encoded bytes, called `what` in errors. @throws PptError INVALID_IMAGE */
export type Decoder = (bytes: Uint8Array, what: string, options: DecodeOptions) => Promise<RgbImage>;

/** A decoder that hands its work to other threads before it returns, so that it goes on while a model keeps this one. */
export async function loadDecoder(): Promise<Decoder> {
  const { default: sharp } = await import("sharp");

  return async (bytes, what, options) => {
    const { maxPixels, firstFrame } = { ...defaults, ...options };
    // The header has no limit of its own, so that the message below can say more.
    const header = sharp(bytes, { limitInputPixels: false }).metadata();
    const pixels = looksReadable(bytes)
      ? sharp(bytes, { limitInputPixels: maxPixels, failOn: "error", ignoreIcc: true })
          .autoOrient()
          .toColourspace("srgb")
          .removeAlpha()
          .raw({ depth: "uchar" })
          .toBuffer({ resolveWithObject: true })
      : undefined;
    // A rejection is seen when it is awaited, if the header is right.
    pixels?.catch(() => {});
    try {
      const { format, width, height, pages = 1 } = await header;
      if (!pixels || !format || !(format in formats))
        return invalid(
          what,
          `format ${format ?? "unknown"} is not read: use ${[...new Set(Object.values(formats))].join(", ")}`,
        );
      if (width * height > maxPixels)
        invalid(
          what,
          `${width} x ${height} pixels are more than the limit of ${maxPixels}: scale it down, or raise the limit (maxPixels, --max-pixels)`,
        );
      if (pages > 1 && !firstFrame)
        invalid(what, `an animation of ${pages} frames: extract one, or take its first (firstFrame, --first-frame)`);
      const { data, info } = await pixels;
      return { width: info.width, height: info.height, data: info.channels === 1 ? repeatChannel(data) : data };
    } catch (error) {
      if (isPptError(error)) throw error;
      const reason = error instanceof Error ? error.message.split("\n")[0]! : String(error);
      return invalid(what, `not a readable picture (${reason})`, error);
    }
  };
}

/** What the formats that are read begin with, `.` for any byte. Nothing else reaches a decoder. */
const signatures = [/^\xff\xd8/, /^\x89PNG/, /^GIF8/, /^RIFF....WEBP/s, /^....ftyp/s];

function looksReadable(bytes: Uint8Array): boolean {
  const start = String.fromCharCode(...bytes.subarray(0, 12));
  return signatures.some((signature) => signature.test(start));
}

async function readLimited(path: string | URL, what: string, maxBytes: number): Promise<Uint8Array> {
  try {
    const { size } = await stat(pathOf(path));
    if (size > maxBytes) invalid(what, `${size} bytes are more than the limit of ${maxBytes}`);
    return await readFile(pathOf(path));
  } catch (error) {
    if (isPptError(error)) throw error;
    const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new PptError("NOT_FOUND", `${what}: cannot be read (${reason})`, { cause: error });
  }
}

/** Grey pixels as RGB. */
function repeatChannel(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(grey.length * 3);
  for (let i = 0; i < grey.length; i++) rgb.fill(grey[i]!, 3 * i, 3 * i + 3);
  return rgb;
}

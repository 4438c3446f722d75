/** Pictures in pages and workers to RGB pixels, as Pillow's `convert("RGB")` gives them. */
import { isPptError, PptError, type RgbImage, reasonOf } from "@ppt-vit/core";
import { invalidImage, pictureHeader, requireBytes, requirePixels, requireReadable } from "../pictures/formats.js";
import type { PictureHeader } from "../pictures/header.js";
import type { Fetched } from "../pictures/look-ahead.js";
import { type DecodeLimits, type DecodeOptions, decodeLimits } from "../pictures/options.js";
import { turned, webpOrientation } from "../pictures/orientation.js";
import { withoutAnimation } from "../pictures/png.js";
import { ofAvif, ofGif } from "../pictures/rare.js";
import { signatureBytes } from "../pictures/signatures.js";
import { baseAddress } from "./address.js";
import type { PlatformType } from "./platform-types.js";

/** Pictures that a canvas can draw. */
export type Drawable =
  | PlatformType<"ImageBitmap">
  | PlatformType<"OffscreenCanvas">
  | PlatformType<"VideoFrame">
  | PlatformType<"HTMLCanvasElement">
  | PlatformType<"HTMLImageElement">
  | PlatformType<"HTMLVideoElement">;

/** An address, an encoded picture (a file, a blob, bytes), pixels, or a picture that a canvas can draw. */
export type BrowserImageInput = string | URL | Blob | Uint8Array | PlatformType<"ImageData"> | Drawable;

/** A picture in memory: encoded, with its checked header, or as pixels or a drawable. */
export type LocalPicture = Fetched &
  (
    | { readonly bytes: Uint8Array<ArrayBuffer>; readonly header: PictureHeader }
    | { readonly source: ImageData | Drawable }
  );

/** The name of an input in messages: a file's name, an address, or `image`, with control characters escaped. */
export function nameOf(input: BrowserImageInput): string {
  const name =
    typeof input === "string" || input instanceof URL ? String(input) : "name" in input ? String(input.name) : "image";
  // A data: address may be megabytes long.
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}...` : name).slice(1, -1);
}

/**
 * Reads an address or a file into memory and parses the header, without decoding.
 * @throws PptError NOT_FOUND; INVALID_IMAGE if the header shows that it will not be decoded; INVALID_OPTION
 */
export async function fetchPicture(input: BrowserImageInput, options: DecodeOptions = {}): Promise<LocalPicture> {
  const limits = decodeLimits(options);
  const what = nameOf(input);
  if (isDrawn(input)) {
    const { width, height } = sizeOf(input);
    checkSize({ width, height }, what, limits);
    return { source: input, encodedBytes: 0, decodedBytes: 3 * width * height };
  }
  const bytes = await bytesOf(input, what, limits);
  requireBytes(bytes.length, what, limits);
  const header = await pictureHeader(bytes, what, limits);
  return { bytes, header, encodedBytes: bytes.length, decodedBytes: 3 * header.width * header.height };
}

const isDrawn = (input: BrowserImageInput): input is ImageData | Drawable =>
  !(typeof input === "string" || input instanceof URL || input instanceof Blob || input instanceof Uint8Array);

/** The bytes of a file. If its first bytes are not a picture's, nothing more is read. */
async function bytesOf(
  input: string | URL | Blob | Uint8Array,
  what: string,
  limits: DecodeLimits,
): Promise<Uint8Array<ArrayBuffer>> {
  // Copied, because a Blob refuses bytes in shared memory.
  if (input instanceof Uint8Array) return Uint8Array.from(input);
  try {
    if (!(input instanceof Blob)) return await download(input, what, limits);
    requireBytes(input.size, what, limits);
    requireReadable(new Uint8Array(await input.slice(0, signatureBytes).arrayBuffer()), what);
    return new Uint8Array(await input.arrayBuffer());
  } catch (error) {
    if (isPptError(error)) throw error;
    const reason = reasonOf(error);
    throw new PptError("NOT_FOUND", `${what}: cannot be read (${reason})`, { cause: error });
  }
}

async function download(address: string | URL, what: string, limits: DecodeLimits): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(new URL(address, baseAddress()));
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`.trim());
  const announced = Number(response.headers.get("content-length") ?? 1);
  if (announced > limits.maxBytes) requireBytes(announced, what, limits);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  let recognised = false;
  const reader = response.body!.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      length += value.length;
      if (length > limits.maxBytes) invalidImage(what, `more bytes than the limit of ${limits.maxBytes}`);
      if (recognised || length < signatureBytes) continue;
      recognised = true;
      requireReadable(joined(chunks, length), what);
    }
    return joined(chunks, length);
  } finally {
    // After a failure the rest is not needed.
    await reader.cancel().catch(() => {});
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Pixels as stored in the file, without colour profile and premultiplied alpha, in EXIF's orientation. */
const asStored: ImageBitmapOptions = {
  premultiplyAlpha: "none",
  colorSpaceConversion: "none",
  imageOrientation: "from-image",
};

const unturned: ImageBitmapOptions = { ...asStored, imageOrientation: "none" };

/**
 * 8-bit RGB of a picture; `what` is its name in errors.
 * @throws PptError INVALID_IMAGE for corrupt, oversized, animated or unsupported pictures
 */
export async function decodePicture(picture: LocalPicture, what: string, options: DecodeOptions): Promise<RgbImage> {
  if ("bytes" in picture) return decodeFile(picture.bytes, picture.header, what);
  const { source } = picture;
  const size = sizeOf(source);
  // Checked again: since then it may have been closed or resized.
  checkSize(size, what, decodeLimits(options));
  if (source instanceof ImageData) {
    const { data } = source;
    if (!(data instanceof Uint8ClampedArray)) return invalidImage(what, "pixels must be 8-bit (rgba-unorm8)");
    return { ...size, data: withoutAlpha(data, new Uint8Array(3 * size.width * size.height)) };
  }
  try {
    return drawnPixels(source, size).image;
  } catch (error) {
    const reason = reasonOf(error);
    return invalidImage(what, `cannot be read (${reason})`, error);
  }
}

async function decodeFile(
  bytes: Uint8Array<ArrayBuffer>,
  { format, animated }: PictureHeader,
  what: string,
): Promise<RgbImage> {
  if (format === "GIF") {
    const { gifFrame, onScreen } = await ofGif();
    const frame = gifFrame(bytes)!;
    return onScreen(await decodeStill(frame.file(), what, asStored, true), frame);
  }
  if (format === "AVIF") return decodeStill((await ofAvif()).asStill(bytes), what);
  // Chromium ignores EXIF in WebP.
  if (format === "WebP") return turned(await decodeStill(bytes, what, unturned), webpOrientation(bytes));
  return decodeStill(format === "PNG" && animated ? withoutAnimation(bytes) : bytes, what);
}

/** With `mustBeOpaque`, transparent pixels mean that the file is cut off. */
async function decodeStill(
  bytes: Uint8Array<ArrayBuffer>,
  what: string,
  options = asStored,
  mustBeOpaque = false,
): Promise<RgbImage> {
  const bitmap = await createImageBitmap(new Blob([bytes]), options).catch((error: unknown) =>
    invalidImage(what, `not a readable picture (${reasonOf(error)})`, error),
  );
  try {
    const { image, opaque } = drawnPixels(bitmap, bitmap);
    if (mustBeOpaque && !opaque) invalidImage(what, "not a readable picture (it is cut off or broken)");
    return opaque ? image : await texturePixels(bitmap, what);
  } finally {
    bitmap.close();
  }
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function sizeOf(picture: ImageData | Drawable): Size {
  if ("videoWidth" in picture) return { width: picture.videoWidth, height: picture.videoHeight };
  if ("displayWidth" in picture) return { width: picture.displayWidth, height: picture.displayHeight };
  if ("naturalWidth" in picture) return { width: picture.naturalWidth, height: picture.naturalHeight };
  return { width: picture.width, height: picture.height };
}

function checkSize(size: Size, what: string, limits: DecodeLimits) {
  if (!(size.width * size.height > 0))
    invalidImage(what, "it has no pixels (a video without a frame yet, a bitmap that was closed?)");
  requirePixels(size, what, limits);
}

/** Rows that are drawn at once, so that a large picture needs no canvas of its own size. */
const stripRows = 512;

/** Pixels through a 2D canvas. They are exact if the picture is opaque; else the canvas multiplies and divides by alpha. */
function drawnPixels(source: Drawable, { width, height }: Size): { image: RgbImage; opaque: boolean } {
  const data = new Uint8Array(3 * width * height);
  const canvas = new OffscreenCanvas(width, Math.min(height, stripRows));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("this browser gives no 2D canvas");
  let opaque = true;
  for (let top = 0; top < height; top += stripRows) {
    const rows = Math.min(stripRows, height - top);
    context.clearRect(0, 0, width, rows);
    context.drawImage(source, 0, -top, width, height);
    const strip = context.getImageData(0, 0, width, rows).data;
    for (let i = 3; opaque && i < strip.length; i += 4) opaque = strip[i] === 255;
    withoutAlpha(strip, data.subarray(3 * width * top));
  }
  return { image: { width, height, data }, opaque };
}

/** Pixels through a WebGL texture, which keeps the stored colours of transparent pixels. */
async function texturePixels(bitmap: ImageBitmap, what: string): Promise<RgbImage> {
  const { width, height } = bitmap;
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (!gl)
    return invalidImage(
      what,
      "has transparency, and reading the colours under it needs WebGL 2: save it without alpha",
    );
  try {
    const data = new Uint8Array(3 * width * height);
    const tile = Math.min(2048, gl.getParameter(gl.MAX_TEXTURE_SIZE));
    gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    for (let top = 0; top < height; top += tile)
      for (let left = 0; left < width; left += tile) {
        const [w, h] = [Math.min(tile, width - left), Math.min(tile, height - top)];
        const piece = await createImageBitmap(bitmap, left, top, w, h, asStored);
        const texture = gl.createTexture();
        gl.bindTexture(gl.TEXTURE_2D, texture);
        gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, piece);
        gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
        const pixels = new Uint8Array(4 * w * h);
        gl.readPixels(0, 0, w, h, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
        if (gl.getError() !== gl.NO_ERROR)
          invalidImage(what, "its transparency cannot be read here: save it without alpha");
        for (let y = 0; y < h; y++)
          withoutAlpha(pixels.subarray(4 * w * y, 4 * w * (y + 1)), data.subarray(3 * ((top + y) * width + left)));
        gl.deleteTexture(texture);
        piece.close();
      }
    return { width, height, data };
  } finally {
    gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

/** Copies the first three of every four bytes into `target`. */
function withoutAlpha(rgba: ArrayLike<number>, target: Uint8Array): Uint8Array {
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    target[to] = rgba[from]!;
    target[to + 1] = rgba[from + 1]!;
    target[to + 2] = rgba[from + 2]!;
  }
  return target;
}

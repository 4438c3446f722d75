/** Pictures of a page to RGB pixels, as Pillow's `convert("RGB")` gives them. Works in pages and in workers. */
import { isPptError, PptError, type RgbImage } from "@ppt-vit/core";
import { type DecodeOptions, decodeDefaults } from "../formats.js";
import { baseAddress } from "./address.js";
import { formatNames, readHeader } from "./header.js";

/** What can be drawn as it is. */
export type Drawable =
  | ImageBitmap
  | OffscreenCanvas
  | VideoFrame
  | HTMLCanvasElement
  | HTMLImageElement
  | HTMLVideoElement;

/** An address, an encoded picture (a file, a blob, bytes), pixels, or what can be drawn. */
export type BrowserImageInput = string | URL | Blob | Uint8Array | ImageData | Drawable;

/** What is decoded: everything but addresses. */
export type LocalPicture = Blob | ImageData | Drawable;

const invalid = (what: string, problem: string, cause?: unknown): never => {
  throw new PptError("INVALID_IMAGE", `${what}: ${problem}`, { cause });
};

/** What messages call an input: a file's name, an address, or its kind, with control characters escaped. */
export function nameOf(input: BrowserImageInput): string {
  const name =
    typeof input === "string" || input instanceof URL ? String(input) : "name" in input ? String(input.name) : "image";
  // The whole of a data: address would bury the message.
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}...` : name).slice(1, -1);
}

/** Fetches what is given by its address. @throws PptError NOT_FOUND; INVALID_IMAGE for empty and too large files */
export async function fetchPicture(
  input: BrowserImageInput,
  { maxBytes = decodeDefaults.maxBytes }: DecodeOptions,
): Promise<LocalPicture> {
  const what = nameOf(input);
  let picture: LocalPicture;
  if (typeof input === "string" || input instanceof URL) picture = await fetchBlob(input, what, maxBytes);
  // A copy: bytes may lie in memory that a Blob refuses to share.
  else picture = input instanceof Uint8Array ? new Blob([Uint8Array.from(input)]) : input;
  if (picture instanceof Blob) {
    if (picture.size === 0) invalid(what, "the file is empty");
    if (picture.size > maxBytes) invalid(what, `${picture.size} bytes are more than the limit of ${maxBytes}`);
  }
  return picture;
}

async function fetchBlob(address: string | URL, what: string, maxBytes: number): Promise<Blob> {
  try {
    const response = await fetch(new URL(address, baseAddress()));
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`.trim());
    const announced = Number(response.headers.get("content-length") ?? 0);
    if (announced > maxBytes) invalid(what, `${announced} bytes are more than the limit of ${maxBytes}`);
    return await response.blob();
  } catch (error) {
    if (isPptError(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new PptError("NOT_FOUND", `${what}: cannot be read (${reason})`, { cause: error });
  }
}

/** The bytes of the file, colour profiles and transparency ignored, turned as EXIF says. */
const asStored: ImageBitmapOptions = {
  premultiplyAlpha: "none",
  colorSpaceConversion: "none",
  imageOrientation: "from-image",
};

/**
 * 8-bit RGB of a picture, called `what` in errors.
 * @throws PptError INVALID_IMAGE for corrupt, oversized, animated or unsupported pictures
 */
export async function decodePicture(picture: LocalPicture, what: string, options: DecodeOptions): Promise<RgbImage> {
  if (picture instanceof Blob) return decodeFile(picture, what, options);
  const size = sizeOf(picture);
  checkSize(size, what, options);
  if (picture instanceof ImageData) {
    const { data } = picture;
    if (!(data instanceof Uint8ClampedArray)) return invalid(what, "pixels must be 8-bit (rgba-unorm8)");
    return { ...size, data: withoutAlpha(data, new Uint8Array(3 * size.width * size.height)) };
  }
  try {
    return drawnPixels(picture, size).image;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return invalid(what, `cannot be read (${reason})`, error);
  }
}

async function decodeFile(file: Blob, what: string, options: DecodeOptions): Promise<RgbImage> {
  const header = readHeader(new Uint8Array(await file.arrayBuffer()));
  if (!header) return invalid(what, `not a readable picture: use ${formatNames}`);
  checkSize(header, what, options);
  if (header.animated && !(options.firstFrame ?? decodeDefaults.firstFrame))
    invalid(what, "an animation: extract one frame, or take its first (firstFrame)");
  const bitmap = await createImageBitmap(file, asStored).catch((error: unknown) =>
    invalid(what, `not a readable picture (${error instanceof Error ? error.message : String(error)})`, error),
  );
  try {
    const { image, opaque } = drawnPixels(bitmap, bitmap);
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

function checkSize({ width, height }: Size, what: string, { maxPixels = decodeDefaults.maxPixels }: DecodeOptions) {
  if (width * height === 0) invalid(what, "it has no pixels (a video without a frame yet, a bitmap that was closed?)");
  if (width * height > maxPixels)
    invalid(
      what,
      `${width} x ${height} pixels are more than the limit of ${maxPixels}: scale it down, or raise the limit (maxPixels)`,
    );
}

/** Rows that are drawn at once, so that a large picture does not need a canvas of its size beside itself. */
const stripRows = 512;

/** Pixels as a 2D canvas gives them: exact where the picture is opaque, else it has multiplied and divided by alpha. */
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

/** Pixels through a WebGL texture, which takes colours as they are stored also where they are transparent. */
async function texturePixels(bitmap: ImageBitmap, what: string): Promise<RgbImage> {
  const { width, height } = bitmap;
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (!gl)
    return invalid(what, "has transparency, and reading the colours under it needs WebGL 2: save it without alpha");
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
        if (gl.getError() !== gl.NO_ERROR) invalid(what, "its transparency cannot be read here: save it without alpha");
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

/** The first three of every four bytes, into `target`. */
function withoutAlpha(rgba: ArrayLike<number>, target: Uint8Array): Uint8Array {
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    target[to] = rgba[from]!;
    target[to + 1] = rgba[from + 1]!;
    target[to + 2] = rgba[from + 2]!;
  }
  return target;
}

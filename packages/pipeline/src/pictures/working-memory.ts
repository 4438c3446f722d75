/** What decoders need besides the pixels that they give. */
import type { PictureHeader } from "./header.js";
import type { PictureFormat } from "./signatures.js";

/**
 * Bytes for each byte of the 8-bit RGB pixels, as measured with sharp 0.35 on pictures of 64 megapixels: the whole picture is
 * held in the decoder's own form, with alpha or with 16 bits, and again on its way out.
 */
const perByte: Readonly<Record<PictureFormat, number>> = { JPEG: 0.2, PNG: 0.5, GIF: 1.5, WebP: 2, AVIF: 4 };
const perByteStaged = 3;

/** Bytes that decoding takes for a while, over the picture's pixels and its file. */
export function workingBytes({ format, width, height, staged }: PictureHeader): number {
  return Math.ceil(3 * width * height * (staged ? perByteStaged : perByte[format]));
}

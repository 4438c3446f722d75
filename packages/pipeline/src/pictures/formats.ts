/** Which pictures are accepted, and the errors about others: the same in Node and in browsers. */
import { PptError } from "@ppt-vit/core";
import { type PictureHeader, readHeader } from "./header.js";
import type { DecodeLimits } from "./options.js";
import { formatNames, readableFormat, refusedFormat } from "./signatures.js";

/** File name extensions of the accepted formats. */
export const imageExtensions = [".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif"] as const;

/** Always throws. @throws PptError INVALID_IMAGE */
export const invalidImage = (what: string, problem: string, cause?: unknown): never => {
  throw new PptError("INVALID_IMAGE", `${what}: ${problem}`, { cause });
};

/**
 * Refuses bytes of another format. The message names the format if it is known.
 * @throws PptError INVALID_IMAGE
 */
export function requireReadable(bytes: Uint8Array, what: string): void {
  if (bytes.length === 0) invalidImage(what, "the file is empty");
  if (readableFormat(bytes)) return;
  const name = refusedFormat(bytes);
  invalidImage(
    what,
    name ? `format ${name} is not read: use ${formatNames}` : `not a readable picture: use ${formatNames}`,
  );
}

/** @throws PptError INVALID_IMAGE */
export function requireBytes(count: number, what: string, { maxBytes }: Pick<DecodeLimits, "maxBytes">): void {
  if (count === 0) invalidImage(what, "the file is empty");
  if (count > maxBytes) invalidImage(what, `${count} bytes are more than the limit of ${maxBytes}`);
}

/** @throws PptError INVALID_IMAGE */
export function requirePixels(
  { width, height }: Pick<PictureHeader, "width" | "height">,
  what: string,
  { maxPixels }: Pick<DecodeLimits, "maxPixels">,
): void {
  if (width * height > maxPixels)
    invalidImage(
      what,
      `${width} x ${height} pixels are more than the limit of ${maxPixels}: scale it down, or raise the limit (maxPixels, --max-pixels)`,
    );
}

/**
 * Reads the header of a picture and checks that the picture may be decoded.
 * @throws PptError INVALID_IMAGE for other formats, headers that are cut off or wrong, too many pixels, and animations
 */
export async function pictureHeader(bytes: Uint8Array, what: string, limits: DecodeLimits): Promise<PictureHeader> {
  requireReadable(bytes, what);
  const format = readableFormat(bytes)!;
  const header = await readHeader(bytes);
  if (!header)
    return invalidImage(
      what,
      `not a readable picture (${noHeader[format] ?? `its ${format} header is cut off or broken`})`,
    );
  if (header.width * header.height === 0)
    invalidImage(what, `not a readable picture (${header.width} x ${header.height} pixels)`);
  requirePixels(header, what, limits);
  if (header.animated && !limits.firstFrame)
    invalidImage(what, "an animation: extract one frame, or take its first (firstFrame, --first-frame)");
  if (header.broken) invalidImage(what, `not a readable picture (${header.broken})`);
  return header;
}

/** Reasons for a missing header, by format, if more is known than that it is broken. */
const noHeader: Readonly<Record<string, string>> = {
  GIF: "it has no frame, or is cut off before one",
  AVIF: "it has no still image: a sequence needs one beside its frames, or its header is cut off",
};

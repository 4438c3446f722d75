/** Token pictures as files. Node only: sharp encodes the pictures and draws the sheet. */
import { PptError, type RgbImage } from "@ppt-vit/core";
import { loadSharp, loadSharpForSvg } from "../pictures/sharp.js";
import type { ImageStage, LabelProbability } from "../result.js";
import type { PatchGrid } from "./groups.js";
import { type TokenPageOptions, tokenPage } from "./page.js";
import { sheetSize, type TokenPicture, tokenSheet } from "./sheet.js";

/** What a model with `trace` says about a picture; a `Classification` is one. */
export interface TracedPicture {
  readonly image?: RgbImage;
  readonly stages: readonly ImageStage[];
  readonly labels?: readonly LabelProbability[];
}

/**
 * A result as `tokenSheet` and `tokenPage` take it. `patches` is the classifier's.
 * @throws PptError INVALID_INPUT where the model was loaded without `trace`
 */
export async function tokenPicture(name: string, result: TracedPicture, patches: PatchGrid): Promise<TokenPicture> {
  const { image, stages, labels } = result;
  if (!image)
    throw new PptError("INVALID_INPUT", `${name}: the result holds no picture: load the model with trace: true`);
  const sharp = await loadSharp();
  const { data, width, height } = image;
  const png = await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  const label = labels?.[0];
  const href = `data:image/png;base64,${png.toString("base64")}`;
  return { name, image, href, patches, stages, ...(label && { label }) };
}

export const tokenFormats = ["png", "svg", "html"] as const;
export type TokenFormat = (typeof tokenFormats)[number];

export interface RenderTokensOptions extends TokenPageOptions {
  /** Pixels of a PNG file for each pixel of the drawing. Default 2. */
  readonly scale?: number;
}

/** As many as sharp reads back by default. */
const mostPixels = 0x3fff ** 2;

/**
 * The content of a file: a sheet as PNG or SVG, or a page.
 * @throws PptError INVALID_INPUT as `tokenSheet` does, and for a PNG file of too many pixels
 */
export async function renderTokens(
  pictures: readonly TokenPicture[],
  format: TokenFormat,
  options: RenderTokensOptions = {},
): Promise<Uint8Array> {
  if (format === "html") return new TextEncoder().encode(tokenPage(pictures, options));
  const svg = new TextEncoder().encode(tokenSheet(pictures, options));
  if (format === "svg") return svg;
  const { scale = 2 } = options;
  const { width, height } = sheetSize(pictures, options);
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (!(w * h <= mostPixels))
    throw new PptError(
      "INVALID_INPUT",
      `${pictures.length} pictures make a PNG file of ${w} x ${h} pixels: take fewer, or write an HTML page`,
    );
  const sharp = await loadSharpForSvg();
  return sharp(svg, { density: 72 * scale, unlimited: true })
    .png()
    .toBuffer();
}

/** Token pictures as files: sharp encodes the pictures and draws the sheet. */

import { PptError, type RgbImage } from "@ppt-vit/core";
import { type Checks, check, checkArgument, checkOptions, count, counted, oneOf, shaped } from "@ppt-vit/core/options";
import { anyText } from "../checks.js";
import type { LabelProbability, LabelValue } from "../tasks/labels.js";
import type { ImageStage } from "../tasks/result.js";
import type { PatchGrid } from "../visualize/groups.js";
import { pageChecks, type TokenPageOptions, tokenPage } from "../visualize/page.js";
import { requirePictures, sheetSize, type TokenPicture, tokenSheet } from "../visualize/sheet.js";
import { loadSharp, loadSharpForSvg } from "./sharp.js";

/** The result of a model with `trace` for a picture, such as a `Classification`. */
export interface TracedPicture {
  readonly image?: RgbImage;
  readonly stages: readonly ImageStage[];
  readonly labels?: readonly (LabelProbability | LabelValue)[];
}

const resultCheck = shaped("a result of a model with trace: true", { stages: Array.isArray });
const patchesCheck = check(
  "[rows, columns], the classifier's patches",
  (value) => Array.isArray(value) && value.length === 2 && value.every(count().holds),
);

/**
 * Makes of a result what `tokenSheet` and `tokenPage` take. `patches` is the classifier's.
 * @throws PptError INVALID_INPUT if the model was loaded without `trace`
 */
export async function tokenPicture(name: string, result: TracedPicture, patches: PatchGrid): Promise<TokenPicture> {
  checkArgument("tokenPicture", "name", name, anyText);
  checkArgument("tokenPicture", "result", result, resultCheck);
  checkArgument("tokenPicture", "patches", patches, patchesCheck);
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

/** The formats of `renderTokens`. */
export const tokenFormats = ["png", "svg", "html"] as const;
/** A format of `renderTokens`. */
export type TokenFormat = (typeof tokenFormats)[number];

/** Options of `renderTokens`. */
export interface RenderTokensOptions extends TokenPageOptions {
  /** Pixels of a PNG file for each pixel of the drawing. Default 2. */
  readonly scale?: number | undefined;
}

const renderChecks: Checks<RenderTokensOptions> = {
  ...pageChecks,
  scale: check("a number above 0, at most 16", (n) => typeof n === "number" && n > 0 && n <= 16),
};

/** sharp's default limit for reading a picture. */
const mostPixels = 0x3fff ** 2;

/**
 * The content of a file: a sheet as PNG or SVG, or an HTML page.
 * @throws PptError INVALID_INPUT as `tokenSheet` does, and for a PNG file of too many pixels
 */
export async function renderTokens(
  pictures: readonly TokenPicture[],
  format: TokenFormat,
  given: RenderTokensOptions = {},
): Promise<Uint8Array> {
  const options = checkOptions("renderTokens", given, renderChecks);
  checkArgument("renderTokens", "format", format, oneOf(tokenFormats), "INVALID_OPTION");
  requirePictures("renderTokens", pictures);
  const { scale = 2, ...page } = options;
  if (format === "html") return new TextEncoder().encode(tokenPage(pictures, page));
  const { title: _title, about: _about, ...sheet } = page;
  const svg = new TextEncoder().encode(tokenSheet(pictures, sheet));
  if (format === "svg") return svg;
  const { width, height } = sheetSize(pictures, options);
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (!(w * h <= mostPixels))
    throw new PptError(
      "INVALID_INPUT",
      `${counted(pictures.length, "picture makes", "pictures make")} a PNG file of ${w} x ${h} pixels: take fewer, or write an HTML page`,
    );
  const sharp = await loadSharpForSvg();
  return sharp(svg, { density: 72 * scale, unlimited: true })
    .png()
    .toBuffer();
}

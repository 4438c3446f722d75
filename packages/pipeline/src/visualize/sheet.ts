/** Pictures stage by stage as in the paper's figures: one row for each picture, as one self-contained SVG document. */

import { PptError, type RgbImage } from "@ppt-vit/core";
import {
  arrayOf,
  type Checks,
  check,
  checkArgument,
  checkOptions,
  count,
  counted,
  flag,
  shaped,
} from "@ppt-vit/core/options";
import { type LabelProbability, type LabelValue, showAnswer } from "../tasks/labels.js";
import type { ImageStage } from "../tasks/result.js";
import { escapeMarkup, shorten } from "../text/markup.js";
import { groupColour, heatColour, meanColour } from "./colours.js";
import { outlinePath, type PatchGrid, prunedPatches, tokenGroups } from "./groups.js";

/** One picture that a model with `trace` was run on. */
export interface TokenPicture {
  /** Name in the sheet: any text. */
  readonly name: string;
  /** The pixels that the model saw. */
  readonly image: RgbImage;
  /** The same picture as an address, such as a `data:` URL of a PNG file. */
  readonly href: string;
  /** Rows and columns of patches. */
  readonly patches: PatchGrid;
  readonly stages: readonly ImageStage[];
  /** The model's first label. */
  readonly label?: LabelProbability | LabelValue;
}

/** Options of `tokenSheet`. */
export interface TokenSheetOptions {
  /** A panel before each stage with the significance scores of the tokens that entered it. Default false. */
  readonly scores?: boolean | undefined;
  /** Width of a panel in pixels. Default 224. */
  readonly panelWidth?: number | undefined;
  /** Prefix of the ids in the drawing, for pages with several drawings. Default `picture`. */
  readonly idPrefix?: string | undefined;
}

export const sheetChecks: Checks<TokenSheetOptions> = {
  scores: flag,
  panelWidth: check("a number of pixels from 1 to 4096", (n) => typeof n === "number" && n >= 1 && n <= 4096),
  idPrefix: check("a name of letters, digits, - and _", (id) => typeof id === "string" && /^[A-Za-z][\w-]*$/.test(id)),
};
const isPair = (value: unknown): boolean => Array.isArray(value) && value.length === 2 && value.every(count().holds);
const isImage = shaped("", {
  width: count().holds,
  height: count().holds,
  data: (value) => value instanceof Uint8Array || value instanceof Uint8ClampedArray,
}).holds;
const isStage = shaped("", { layer: (n) => typeof n === "number", policy: (value) => typeof value === "string" }).holds;
const pictureCheck = shaped("", {
  name: (value) => typeof value === "string",
  image: isImage,
  href: (value) => typeof value === "string",
  patches: isPair,
  stages: (value) => Array.isArray(value) && value.every(isStage),
});

/** @throws PptError INVALID_INPUT */
export const requirePictures = (where: string, pictures: unknown): void =>
  checkArgument(where, "pictures", pictures, arrayOf("pictures, as tokenPicture() makes them", pictureCheck.holds));

/** Lengths in pixels. */
const layout = { margin: 20, gap: 12, titles: 26, caption: 46, legend: 38, narrowest: 150 };

const ink = { text: "#1b1b1b", soft: "#5c5c5c", pruned: "#0b0d12", line: "#0b0d12" };
const font = `font-family="Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"`;

/** Width of an average character, as a share of the font's size. */
const characterWidth = 0.54;

/**
 * The sheet as an SVG document. Pruned patches are dark. Patches that share a token have one outline and their mean colour.
 * A patch with a token of its own shows the picture. Below each stage: its policy, the tokens before and after, and the
 * variance of the scores.
 * @throws PptError INVALID_OPTION; INVALID_INPUT if there are no pictures, or a picture has no token maps
 */
export function tokenSheet(pictures: readonly TokenPicture[], given: TokenSheetOptions = {}): string {
  const options = checkOptions("tokenSheet", given, sheetChecks);
  requirePictures("tokenSheet", pictures);
  const { width, height } = sheetSize(pictures, options);
  const { scores = false, panelWidth = 224, idPrefix = "picture" } = options;
  const columns = columnsOf(pictures, scores);
  const rowHeights = pictures.map((picture) => panelHeight(picture, panelWidth) + layout.caption);
  const column = columnWidth(panelWidth);
  const left = (i: number) => layout.margin + i * (column + layout.gap);

  let y = layout.margin + layout.titles;
  const rows = pictures.map((picture, i) => {
    const row = drawRow(picture, { scores, panelWidth, left, y, id: `${idPrefix}-${i}` });
    y += rowHeights[i]!;
    return row;
  });
  const titles = columns.map((title, i) => text(title, left(i), layout.margin + 12, { size: 13, bold: true }));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeMarkup(pictures.map(inWords).join(" "))}">
<rect width="${width}" height="${height}" fill="#fff"/>
${titles.join("\n")}
${rows.join("\n")}
${legend(y + 4, scores)}
</svg>
`;
}

/** Pixels of a sheet. @throws PptError INVALID_INPUT */
export function sheetSize(
  pictures: readonly TokenPicture[],
  { scores = false, panelWidth = 224 }: TokenSheetOptions = {},
): { readonly width: number; readonly height: number } {
  if (pictures.length === 0) throw new PptError("INVALID_INPUT", "token sheet: there is no picture to draw");
  const { margin, gap, titles, caption } = layout;
  const columns = columnsOf(pictures, scores).length;
  const rows = pictures.reduce((sum, picture) => sum + panelHeight(picture, panelWidth) + caption, 0);
  const panels = columns * (columnWidth(panelWidth) + gap) - gap;
  return {
    // Wide enough for the legend.
    width: Math.max(2 * margin + panels, 480),
    height: margin + titles + rows + layout.legend,
  };
}

/** Wide enough for the captions, even below small panels. */
const columnWidth = (panelWidth: number): number => Math.max(panelWidth, layout.narrowest);

const panelHeight = ({ image }: TokenPicture, width: number): number =>
  Math.round((width * image.height) / image.width);

/** Titles of the columns. Stages of different models with the same number share a column. */
function columnsOf(pictures: readonly TokenPicture[], scores: boolean): string[] {
  const stages = Math.max(...pictures.map((picture) => picture.stages.length));
  const titles = Array.from({ length: stages }, (_, stage) => {
    const layers = new Set(pictures.flatMap((picture) => picture.stages[stage]?.layer ?? []));
    const block = `block ${[...layers].join(" or ")}`;
    return scores ? [`scores in ${block}`, `after ${block}`] : [`after ${block}`];
  });
  return ["picture", ...titles.flat()];
}

interface Row {
  readonly scores: boolean;
  readonly panelWidth: number;
  readonly left: (column: number) => number;
  readonly y: number;
  readonly id: string;
}

function drawRow(picture: TokenPicture, { scores, panelWidth, left, y, id }: Row): string {
  const { image, href, patches: grid, stages, name, label } = picture;
  const size = [panelWidth, panelHeight(picture, panelWidth)] as const;
  const show = `width="${size[0]}" height="${size[1]}"`;
  // Every panel shows this image by its id.
  const original = `<image id="${id}" ${show} preserveAspectRatio="none" href="${escapeMarkup(href)}"/>`;
  let column = 0;
  const panel = (content: string, captions: readonly string[], alternative: string) => {
    const x = left(column++);
    const [first = "", second = ""] = captions;
    const lines = [
      text(first, x, y + size[1] + 16, { size: 12, room: columnWidth(panelWidth) }),
      text(second, x, y + size[1] + 32, { size: 11, room: columnWidth(panelWidth), soft: true }),
    ];
    return `<g><title>${escapeMarkup(alternative)}</title><g transform="translate(${x} ${y})">${content}</g>${lines.join("")}</g>`;
  };

  const named = label ? `${label.label}, ${showAnswer(label)}` : "";
  const panels = [panel(original, [name, named], name)];
  let before = identityMap(stages, grid);
  for (const stage of stages) {
    const { policy, layer, tokensIn, tokensOut, variance } = stage;
    const after = mapOf(stage, grid);
    if (scores) {
      const { content, highest } = heatPanel(id, stage, before, grid, size);
      const caption = [
        `highest ${highest.toFixed(1)} x the mean`,
        `${counted(tokensIn, "token enters", "tokens enter")}`,
      ];
      panels.push(panel(content, caption, `${name}: scores in block ${layer}`));
    }
    const caption = [
      `${policy}, ${tokensIn} → ${counted(tokensOut, "token")}`,
      `variance ${variance.toExponential(2)}`,
    ];
    panels.push(panel(tokenPanel(id, image, after, grid, size), caption, `${name}: after block ${layer}`));
    before = after;
  }
  return panels.join("\n");
}

type Size = readonly [width: number, height: number];

/** The picture with its pruned and merged patches. */
function tokenPanel(id: string, image: RgbImage, tokenOfPatch: Int32Array, grid: PatchGrid, size: Size): string {
  const merged = [...tokenGroups(tokenOfPatch).values()].filter((patches) => patches.length > 1);
  const line = Math.max(0.8, size[0] / grid[1] / 10);
  const fills = merged.map(
    (patches) => `<path d="${outlinePath(patches, grid, size)}" fill="${meanColour(image, patches, grid)}"/>`,
  );
  const outlines = merged.map((patches) => {
    const d = outlinePath(patches, grid, size, line * 0.8);
    // A dark line below the coloured one, so that it is visible on every picture.
    const stroke = (colour: string, width: number) =>
      `<path d="${d}" stroke="${colour}" stroke-width="${round(width)}"/>`;
    return stroke(ink.line, line * 1.6) + stroke(groupColour(patches[0]!), line);
  });
  return `<use href="#${id}"/>${pruned(tokenOfPatch, grid, size)}<g fill-rule="evenodd" shape-rendering="crispEdges">${fills.join("")}</g><g fill="none" stroke-linejoin="round">${outlines.join("")}</g>`;
}

/** Pruned patches: dark, with the picture faintly visible. */
function pruned(tokenOfPatch: Int32Array, grid: PatchGrid, size: Size): string {
  const patches = prunedPatches(tokenOfPatch);
  if (patches.length === 0) return "";
  const d = outlinePath(patches, grid, size);
  return `<path d="${d}" fill="${ink.pruned}" fill-opacity="0.88" fill-rule="evenodd" shape-rendering="crispEdges"/>`;
}

/**
 * Every token's patches in the colour of its score, from 0 to the highest of this picture and stage. The scale is the square
 * root: a few scores are far above the rest, which would otherwise all have one colour.
 */
function heatPanel(id: string, stage: ImageStage, before: Int32Array, grid: PatchGrid, size: Size) {
  const { scores, tokensIn } = stage;
  if (!scores)
    throw new PptError("INVALID_INPUT", `token sheet: block ${stage.layer} has no scores: load the model with trace`);
  const special = tokensIn - scores.length;
  const highest = scores.reduce((a, b) => Math.max(a, b), 0);
  const tokens = [...tokenGroups(before)].map(([token, patches]) => {
    const share = highest > 0 ? Math.sqrt(scores[token - special]! / highest) : 0;
    return `<path d="${outlinePath(patches, grid, size)}" fill="${heatColour(share)}"/>`;
  });
  const content = `<use href="#${id}"/><g fill-opacity="0.85" fill-rule="evenodd" shape-rendering="crispEdges">${tokens.join("")}</g>${pruned(before, grid, size)}`;
  return { content, highest: highest * scores.length };
}

/** @throws PptError INVALID_INPUT if the stage was not traced */
function mapOf({ tokenOfPatch, layer }: ImageStage, [rows, columns]: PatchGrid): Int32Array {
  if (tokenOfPatch?.length === rows * columns) return tokenOfPatch;
  const seen = tokenOfPatch
    ? `a map of ${counted(tokenOfPatch.length, "patch", "patches")} for ${rows} x ${columns}`
    : "no token map";
  throw new PptError("INVALID_INPUT", `token sheet: block ${layer} has ${seen}: load the model with trace: true`);
}

/** The map before the first stage: every patch is a token, after the special tokens. */
function identityMap([first]: readonly ImageStage[], [rows, columns]: PatchGrid): Int32Array {
  const special = (first?.tokensIn ?? 0) - rows * columns;
  return Int32Array.from({ length: rows * columns }, (_, patch) => patch + special);
}

function legend(y: number, scores: boolean): string {
  const swatch = (x: number, marks: string, words: string) =>
    `<g transform="translate(${x} ${y})">${marks}${text(words, 22, 12, { size: 11, soft: true })}</g>`;
  const parts = [
    swatch(layout.margin, `<rect width="16" height="16" fill="${ink.pruned}" fill-opacity="0.88"/>`, "pruned"),
    swatch(
      layout.margin + 90,
      `<rect width="16" height="16" fill="#b9b4a8"/><rect x="1.5" y="1.5" width="13" height="13" fill="none" stroke="${ink.line}" stroke-width="3"/><rect x="1.5" y="1.5" width="13" height="13" fill="none" stroke="${groupColour(2)}" stroke-width="1.8"/>`,
      "merged into one token",
    ),
  ];
  if (scores) {
    const steps = Array.from(
      { length: 40 },
      (_, i) => `<rect x="${2 * i}" width="2" height="16" fill="${heatColour(i / 39)}"/>`,
    );
    parts.push(
      `<g transform="translate(${layout.margin + 250} ${y})"><g shape-rendering="crispEdges">${steps.join("")}</g>${text("square root of the score, 0 to the highest", 88, 12, { size: 11, soft: true })}</g>`,
    );
  }
  return parts.join("\n");
}

interface TextStyle {
  readonly size: number;
  readonly bold?: boolean;
  readonly soft?: boolean;
  /** Width for the text in pixels. A longer text loses its middle. */
  readonly room?: number;
}

function text(content: string, x: number, y: number, { size, bold, soft, room }: TextStyle): string {
  const shown = room === undefined ? content : shorten(content, Math.floor(room / (size * characterWidth)));
  const weight = bold ? ' font-weight="bold"' : "";
  return `<text x="${round(x)}" y="${round(y)}" ${font} font-size="${size}"${weight} fill="${soft ? ink.soft : ink.text}">${escapeMarkup(shown)}</text>`;
}

const round = (value: number): number => Math.round(value * 100) / 100;

/** A picture's row in words, for screen readers. */
export const inWords = ({ name, label, stages }: TokenPicture): string =>
  [
    label ? `${name}: ${label.label}` : name,
    ...stages.map(
      ({ layer, policy, tokensIn, tokensOut }) =>
        `block ${layer} ${policy}, ${tokensIn} to ${counted(tokensOut, "token")}`,
    ),
  ].join("; ");

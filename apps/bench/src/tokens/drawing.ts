/** Draws the tokens of a picture after one stage, as SVG: pruned patches hatched, merged ones in their mean colour. */
import {
  groupColour,
  heatColour,
  type ImageStage,
  meanColour,
  outlinePath,
  type PatchGrid,
  type PictureRun,
  prunedPatches,
  tokenGroups,
} from "@ppt-vit/pipeline/browser";
import { svg } from "../dom.js";

type Image = NonNullable<PictureRun["image"]>;

/** A picture as the model saw it, and its stages. */
export interface Traced {
  readonly image: Image;
  /** The same picture as a file, and its address. */
  readonly file: Blob;
  readonly href: string;
  readonly patches: PatchGrid;
  readonly stages: readonly ImageStage[];
}

/** What is drawn over the picture: the tokens that a stage leaves, or the scores by which it decided. */
export type Mode = "tokens" | "scores";

/** The token of each patch after a number of stages; before the first, each patch is a token. */
export function mapAfter({ stages, patches: [rows, columns] }: Traced, stage: number): Int32Array {
  const tokenOfPatch = stages[stage - 1]?.tokenOfPatch;
  if (tokenOfPatch) return tokenOfPatch;
  const special = specialTokens(stages[0], rows * columns);
  return Int32Array.from({ length: rows * columns }, (_, patch) => patch + special);
}

/** Tokens of the first stage that hold no patch, such as the class token. */
const specialTokens = (first: ImageStage | undefined, patches: number): number =>
  first ? first.tokensIn - patches : 0;

/** How many patches were pruned, how many tokens hold several patches, and how many hold one. */
export function countsOf(tokenOfPatch: Int32Array) {
  const groups = [...tokenGroups(tokenOfPatch).values()];
  const merged = groups.filter((patches) => patches.length > 1);
  return {
    pruned: prunedPatches(tokenOfPatch).length,
    merged: merged.length,
    mergedPatches: merged.reduce((sum, { length }) => sum + length, 0),
    alone: groups.length - merged.length,
  };
}

let drawings = 0;

/** The picture after `stage` stages; 0 is the picture itself. */
export function drawStage(traced: Traced, stage: number, mode: Mode, label: string): SVGSVGElement {
  const { image, href, patches: grid } = traced;
  const { width, height } = image;
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "tokens" });
  drawing.append(svg("image", { href, width, height, preserveAspectRatio: "none" }));
  if (stage > 0) drawing.append(...(mode === "tokens" ? tokens(traced, stage) : scores(traced, stage)));
  const lit = svg("path", { class: "lit", "stroke-width": width / grid[1] / 5 });
  drawing.append(lit);
  return drawing;
}

function tokens(traced: Traced, stage: number): SVGElement[] {
  const { image, patches: grid } = traced;
  const size = [image.width, image.height] as const;
  const tokenOfPatch = mapAfter(traced, stage);
  const step = size[0] / grid[1];
  const line = step / 10;
  const id = `hatch-${drawings++}`;
  const hatch = svg("pattern", {
    id,
    width: step / 2,
    height: step / 2,
    patternUnits: "userSpaceOnUse",
    patternTransform: "rotate(45)",
  });
  // A dark ground with light lines: on a dark picture the lines are seen, on a light one the ground.
  hatch.append(
    svg("rect", { width: step / 2, height: step / 2, fill: "#0b0d12", "fill-opacity": 0.82 }),
    svg("rect", { width: step / 9, height: step / 2, fill: "#ffffff", "fill-opacity": 0.5 }),
  );
  const pruned = prunedPatches(tokenOfPatch);
  const merged = [...tokenGroups(tokenOfPatch).values()].filter((patches) => patches.length > 1);
  const outlines = merged.flatMap((patches) => {
    const d = outlinePath(patches, grid, size, line * 0.8);
    // A dark line below the coloured one, so that it is visible on every picture.
    return [
      svg("path", { d, fill: "none", stroke: "#0b0d12", "stroke-width": line * 1.6 }),
      svg("path", { d, fill: "none", stroke: groupColour(patches[0]!), "stroke-width": line }),
    ];
  });
  return [
    svg("defs", {}, hatch),
    ...merged.map((patches) =>
      svg("path", {
        class: "merged",
        d: outlinePath(patches, grid, size),
        fill: meanColour(image, patches, grid),
        "fill-rule": "evenodd",
      }),
    ),
    ...outlines,
    ...(pruned.length > 0
      ? [
          svg("path", {
            class: "pruned",
            d: outlinePath(pruned, grid, size),
            fill: `url(#${id})`,
            "fill-rule": "evenodd",
          }),
        ]
      : []),
  ];
}

/** The scores of the tokens that entered the stage. What was pruned before has none. */
function scores(traced: Traced, stage: number): SVGElement[] {
  const { image, patches: grid, stages } = traced;
  const { scores, tokensIn } = stages[stage - 1]!;
  if (!scores) return [];
  const special = tokensIn - scores.length;
  const highest = Math.max(...scores);
  const groups = tokenGroups(mapAfter(traced, stage - 1));
  return [...groups].map(([token, patches]) =>
    svg("path", {
      d: outlinePath(patches, grid, [image.width, image.height]),
      // The square root shows differences among the many small scores.
      fill: heatColour(Math.sqrt((scores[token - special] ?? 0) / highest)),
      "fill-opacity": 0.85,
      "fill-rule": "evenodd",
    }),
  );
}

/** The patch at a point of the screen over a drawing. */
export function patchAt(drawing: SVGSVGElement, [rows, columns]: PatchGrid, x: number, y: number): number {
  const { left, top, width, height } = drawing.getBoundingClientRect();
  const clamp = (value: number, most: number) => Math.max(0, Math.min(most, Math.floor(value)));
  const column = clamp(((x - left) / width) * columns, columns - 1);
  return clamp(((y - top) / height) * rows, rows - 1) * columns + column;
}

/** A picture's pixels as a file, and its address, which the caller revokes. */
export async function fileOf({ width, height, data }: Image): Promise<Pick<Traced, "file" | "href">> {
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    pixels.data.set(data.subarray(3 * i, 3 * i + 3), 4 * i);
    pixels.data[4 * i + 3] = 255;
  }
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
  const file = await canvas.convertToBlob({ type: "image/png" });
  return { file, href: URL.createObjectURL(file) };
}

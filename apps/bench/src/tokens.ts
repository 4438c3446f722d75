/** Pictures of tokens, as in the paper's figures: pruned patches dark, merged groups outlined in one colour each. */
import type { ImageStage } from "@ppt-vit/pipeline/browser";

export interface PatchGrid {
  readonly rows: number;
  readonly columns: number;
}

/** Tokens of a stage that are shown: each with its patches, the first of which names it in every stage. */
export interface TokenGroup {
  readonly patches: readonly number[];
}

/** Patches by token; pruned ones are in no group. */
export function groupsOf(tokenOfPatch: Int32Array): TokenGroup[] {
  const byToken = new Map<number, number[]>();
  for (const [patch, token] of tokenOfPatch.entries()) {
    if (token < 0) continue;
    const group = byToken.get(token);
    if (group) group.push(patch);
    else byToken.set(token, [patch]);
  }
  return [...byToken.values()].map((patches) => ({ patches }));
}

/** Sides of a patch where its neighbour belongs to another token: [top, right, bottom, left]. */
export function edgesOf(patch: number, members: ReadonlySet<number>, { rows, columns }: PatchGrid) {
  const [row, column] = [Math.floor(patch / columns), patch % columns];
  return [
    row === 0 || !members.has(patch - columns),
    column === columns - 1 || !members.has(patch + 1),
    row === rows - 1 || !members.has(patch + columns),
    column === 0 || !members.has(patch - 1),
  ] as const;
}

/** Neighbours in number are far apart in hue, and those near in hue differ in lightness. The dark stroke below sets all off. */
const colourOf = (patch: number): string => `hsl(${(patch * 137.508) % 360} 95% ${[56, 68, 80][patch % 3]}%)`;

const prunedVeil = "rgb(8 10 14 / 0.86)";

/** Draws the picture that the model saw, and over it what became of its patches. Without a map, the picture alone. */
export function drawTokens(
  canvas: HTMLCanvasElement,
  picture: CanvasImageSource,
  grid: PatchGrid,
  tokenOfPatch?: ImageStage["tokenOfPatch"],
): void {
  const context = canvas.getContext("2d")!;
  const { width, height } = canvas;
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, width, height);
  if (!tokenOfPatch) return;
  const [patchWidth, patchHeight] = [width / grid.columns, height / grid.rows];
  const corner = (patch: number) =>
    [(patch % grid.columns) * patchWidth, Math.floor(patch / grid.columns) * patchHeight] as const;

  context.fillStyle = prunedVeil;
  for (const [patch, token] of tokenOfPatch.entries())
    if (token < 0) context.fillRect(...corner(patch), patchWidth, patchHeight);

  const line = Math.max(1.5, patchWidth / 11);
  context.lineJoin = "round";
  context.lineCap = "round";
  for (const { patches } of groupsOf(tokenOfPatch)) {
    if (patches.length < 2) continue;
    const members = new Set(patches);
    context.beginPath();
    for (const patch of patches) {
      const [x, y] = corner(patch);
      // Inside the patch, so that neighbouring groups do not paint over each other.
      const inset = line * 0.75;
      const [left, top, right, bottom] = [x + inset, y + inset, x + patchWidth - inset, y + patchHeight - inset];
      const [atTop, atRight, atBottom, atLeft] = edgesOf(patch, members, grid);
      const segment = (x1: number, y1: number, x2: number, y2: number) => {
        context.moveTo(x1, y1);
        context.lineTo(x2, y2);
      };
      // A side runs on to the neighbour of its own group without a gap.
      const [fromX, toX] = [atLeft ? left : x, atRight ? right : x + patchWidth];
      const [fromY, toY] = [atTop ? top : y, atBottom ? bottom : y + patchHeight];
      if (atTop) segment(fromX, top, toX, top);
      if (atRight) segment(right, fromY, right, toY);
      if (atBottom) segment(fromX, bottom, toX, bottom);
      if (atLeft) segment(left, fromY, left, toY);
    }
    context.strokeStyle = "rgb(8 10 14 / 0.8)";
    context.lineWidth = line * 2;
    context.stroke();
    context.strokeStyle = colourOf(patches[0]!);
    context.lineWidth = line;
    context.stroke();
  }
}

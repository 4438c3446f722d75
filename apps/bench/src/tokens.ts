/** Draws tokens as in the paper's figures: pruned patches are dark, and each group of merged patches has a coloured outline. */
import type { ImageStage } from "@ppt-vit/pipeline/browser";

export interface PatchGrid {
  readonly rows: number;
  readonly columns: number;
}

/** A token of a stage, as the list of its patches. The first patch gives the token its colour, the same in all stages. */
export interface TokenGroup {
  readonly patches: readonly number[];
}

/** Groups patches by token. Pruned patches are in no group. */
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

/** Whether the neighbour at each side of a patch belongs to another token: [top, right, bottom, left]. */
export function edgesOf(patch: number, members: ReadonlySet<number>, { rows, columns }: PatchGrid) {
  const [row, column] = [Math.floor(patch / columns), patch % columns];
  return [
    row === 0 || !members.has(patch - columns),
    column === columns - 1 || !members.has(patch + 1),
    row === rows - 1 || !members.has(patch + columns),
    column === 0 || !members.has(patch - 1),
  ] as const;
}

/** Patches with consecutive numbers get very different hues. Patches with similar hues differ in lightness. */
const colourOf = (patch: number): string => `hsl(${(patch * 137.508) % 360} 95% ${[56, 68, 80][patch % 3]}%)`;

const prunedVeil = "rgb(8 10 14 / 0.86)";

/** Draws the picture that the model saw, and its tokens over it. Without a map it draws the picture only. */
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
      // The line lies inside the patch, so that outlines of neighbouring groups do not overlap.
      const inset = line * 0.75;
      const [left, top, right, bottom] = [x + inset, y + inset, x + patchWidth - inset, y + patchHeight - inset];
      const [atTop, atRight, atBottom, atLeft] = edgesOf(patch, members, grid);
      const segment = (x1: number, y1: number, x2: number, y2: number) => {
        context.moveTo(x1, y1);
        context.lineTo(x2, y2);
      };
      // Towards a neighbour of the same group the line continues to the edge, which leaves no gap.
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

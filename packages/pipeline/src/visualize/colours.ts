/** Colours of token pictures: one for each group's outline, the mean of what a group covers, and the scale of scores. */
import type { RgbImage } from "@ppt-vit/core";
import type { PatchGrid } from "./groups.js";

/** The colour of a group's outline, by its first patch. Neighbours differ in hue; similar hues differ in lightness. */
export const groupColour = (patch: number): string => {
  const hue = ((patch * 137.508) % 360) / 360;
  return hslToHex(hue, 0.95, [0.56, 0.68, 0.8][patch % 3]!);
};

/** Hex colours, because not every program that reads SVG knows `hsl()`. */
function hslToHex(hue: number, saturation: number, lightness: number): string {
  const reach = saturation * Math.min(lightness, 1 - lightness);
  return hex(
    [0, 8, 4].map((offset) => {
      const k = (offset + hue * 12) % 12;
      return 255 * (lightness - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
    }),
  );
}

const hex = (channels: readonly number[]): string =>
  `#${channels.map((channel) => Math.round(channel).toString(16).padStart(2, "0")).join("")}`;

/** Mean of the pixels of some patches. */
export function meanColour({ width, height, data }: RgbImage, patches: readonly number[], grid: PatchGrid): string {
  const [rows, columns] = grid;
  const [patchWidth, patchHeight] = [width / columns, height / rows];
  const sums = [0, 0, 0];
  for (const patch of patches) {
    const [left, top] = [(patch % columns) * patchWidth, Math.floor(patch / columns) * patchHeight];
    for (let y = top; y < top + patchHeight; y++)
      for (let x = left; x < left + patchWidth; x++)
        for (let channel = 0; channel < 3; channel++) sums[channel]! += data[3 * (y * width + x) + channel]!;
  }
  return hex(sums.map((sum) => sum / (patches.length * patchWidth * patchHeight)));
}

/** Matplotlib's viridis (CC0) in ten steps, which look evenly spaced, also to colour-blind readers. */
const viridis = [
  [68, 1, 84],
  [72, 40, 120],
  [62, 74, 137],
  [49, 104, 142],
  [38, 130, 142],
  [31, 158, 137],
  [53, 183, 121],
  [110, 206, 88],
  [181, 222, 43],
  [253, 231, 37],
] as const;

/** The colour at `share` of the way, 0 to 1, as red, green and blue. */
export function viridisAt(share: number): number[] {
  const at = Math.min(Math.max(share, 0), 1) * (viridis.length - 1);
  const below = viridis[Math.floor(at)]!;
  const above = viridis[Math.ceil(at)]!;
  return below.map((channel, i) => channel + (above[i]! - channel) * (at - Math.floor(at)));
}

/** Colour of a score; `share` is its ratio to the highest score, 0 to 1. */
export const heatColour = (share: number): string => hex(viridisAt(share));

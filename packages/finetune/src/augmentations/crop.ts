import { type ImageProcessorConfig, processedSize, processImage, type RgbImage, resizeImage } from "@ppt-vit/core";
import { randomNumbers } from "../random.js";
import { type Augmentation, mirrored } from "./augmentation.js";

/** Shares of the area, and proportions of the sides, as in DeiT's recipe (torchvision's RandomResizedCrop). */
const [leastArea, mostArea] = [0.08, 1];
const [narrowest, widest] = [3 / 4, 4 / 3];
const attempts = 10;

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A random part of a picture. After ten boxes that do not fit, the largest one in the middle with allowed proportions. */
export function randomBox({ width, height }: Pick<RgbImage, "width" | "height">, random: () => number): Box {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const area = width * height * (leastArea + (mostArea - leastArea) * random());
    const proportion = Math.exp(Math.log(narrowest) + Math.log(widest / narrowest) * random());
    const [w, h] = [Math.round(Math.sqrt(area * proportion)), Math.round(Math.sqrt(area / proportion))];
    if (w < 1 || h < 1 || w > width || h > height) continue;
    return {
      left: Math.floor(random() * (width - w + 1)),
      top: Math.floor(random() * (height - h + 1)),
      width: w,
      height: h,
    };
  }
  const proportion = Math.min(widest, Math.max(narrowest, width / height));
  const w = Math.min(width, Math.max(1, Math.round(height * proportion)));
  const h = Math.min(height, Math.max(1, Math.round(width / proportion)));
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}

/** A part of a picture. */
export function cut(image: RgbImage, { left, top, width, height }: Box): RgbImage {
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    const start = 3 * ((top + y) * image.width + left);
    data.set(image.data.subarray(start, start + 3 * width), 3 * y * width);
  }
  return { width, height, data };
}

export const crop: Augmentation = {
  name: "crop",
  description: "a random part of every picture, resized, and mirrored every second time, as in DeiT's recipe",
  apply(image, version, preprocessing: ImageProcessorConfig) {
    const random = randomNumbers(version);
    const { width, height } = processedSize(image, preprocessing);
    const part = resizeImage(cut(image, randomBox(image, random)), { width, height }, "bicubic");
    const asItIs = { ...preprocessing, doResize: false, doCenterCrop: false };
    return processImage(random() < 0.5 ? mirrored(part) : part, asItIs).data;
  },
};

import { type ImageProcessorConfig, processedSize, processImage, type RgbImage, resizeImage } from "@ppt-vit/core";
import { type Augmentation, mirrored, plainly } from "./augmentation.js";
import { cut } from "./crop.js";

/** Share of each side that a part has. */
const side = 7 / 8;
/** Where a part lies, as shares of what is left beside it. */
const parts = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
] as const;

/** The parts of ten-crop testing (Krizhevsky et al., 2012), with the whole picture in place of its middle. */
export const corners: Augmentation = {
  name: "corners",
  description: "the whole picture or one of its corners, every second time mirrored",
  versions: 2 * (1 + parts.length),
  apply(image, version, preprocessing: ImageProcessorConfig) {
    const turned = version % 2 === 1 ? mirrored(image) : image;
    const part = parts[(version >> 1) - 1];
    if (!part) return plainly(turned, preprocessing);
    const { width, height } = processedSize(image, preprocessing);
    const resized = resizeImage(cornerOf(turned, part), { width, height }, "bicubic");
    return processImage(resized, { ...preprocessing, doResize: false, doCenterCrop: false }).data;
  },
};

function cornerOf(image: RgbImage, [right, down]: (typeof parts)[number]): RgbImage {
  const [width, height] = [Math.ceil(side * image.width), Math.ceil(side * image.height)];
  return cut(image, { left: right * (image.width - width), top: down * (image.height - height), width, height });
}

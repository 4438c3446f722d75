/** The interface of an augmentation: how a training picture is changed before it is read. Each is one file here, listed in `index.ts`. */
import { type ImageProcessorConfig, processImage, type RgbImage } from "@ppt-vit/core";

export interface Augmentation {
  readonly name: string;
  readonly description: string;
  /**
   * How many versions of a picture there are, if they can be counted. The teacher then answers each once, before training.
   * Undefined for endless ones.
   */
  readonly versions?: number;
  /** [3, H, W] for the model. `version` is below `versions`, or any whole number below 2^32 where these are endless. */
  apply(image: RgbImage, version: number, preprocessing: ImageProcessorConfig): Float32Array;
}

/** The model's input for a picture as every other command reads it. */
export const plainly = (image: RgbImage, preprocessing: ImageProcessorConfig): Float32Array =>
  processImage(image, preprocessing).data;

/** The picture mirrored left to right. */
export function mirrored({ width, height, data }: RgbImage): RgbImage {
  const turned = new Uint8Array(data.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [from, to] = [3 * (y * width + x), 3 * (y * width + width - 1 - x)];
      for (let channel = 0; channel < 3; channel++) turned[to + channel] = data[from + channel]!;
    }
  return { width, height, data: turned };
}

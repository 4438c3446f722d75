/** One picture of a data set, read for the model. */
import { type ImageProcessorConfig, PptError, processedSize } from "@ppt-vit/core";
import { type DecodeOptions, decodeImage } from "@ppt-vit/pipeline";
import { augmentations } from "../augmentations/index.js";
import { named } from "../named.js";

/** A picture to train on. */
export interface TrainingPicture {
  /** Path of a JPEG, PNG, WebP, GIF or AVIF file. */
  readonly file: string;
  /** Number of its class, for losses that need labels. */
  readonly label?: number | undefined;
}

/** How all pictures of a run are read. */
export interface Reading {
  readonly preprocessing: ImageProcessorConfig;
  /** Height and width of the model's input. */
  readonly imageSize: readonly [number, number];
  readonly decoding: DecodeOptions;
}

/** A picture in one of its versions. */
export interface Version {
  readonly file: string;
  /** Name of the augmentation. */
  readonly augmentation: string;
  readonly version: number;
}

/** [3, H, W] @throws PptError NOT_FOUND, INVALID_IMAGE */
export async function readVersion({ file, augmentation, version }: Version, reading: Reading): Promise<Float32Array> {
  const { preprocessing, imageSize, decoding } = reading;
  const image = await decodeImage(file, decoding);
  const { width, height } = processedSize(image, preprocessing);
  if (height !== imageSize[0] || width !== imageSize[1])
    throw new PptError(
      "INVALID_IMAGE",
      `${file}: becomes ${height} x ${width} pixels, the model takes ${imageSize.join(" x ")}`,
    );
  return named(augmentations, augmentation, "augmentation").apply(image, version, preprocessing);
}

/** The size of a model's pictures: whether the preprocessing makes it, and how to change it. */
import {
  type ImageProcessorConfig,
  type ImageSize,
  PptError,
  processedSize,
  type VisionModelConfig,
  withImageSize,
} from "@ppt-vit/core";
import type { Checkpoint, CheckpointSettings } from "./checkpoint.js";

/** In pixels; one number for square pictures. */
export type ImageSizeOption = number | readonly [height: number, width: number];

/**
 * The checkpoint for pictures of another size. The model's positions are interpolated as its family does it. The crop of
 * the preprocessing becomes this size; the resize before it keeps its ratio to the crop. Verification records of another
 * size are dropped.
 * @throws PptError INVALID_CONFIG if patches do not fill the size
 */
export function atImageSize(checkpoint: Checkpoint, imageSize: ImageSizeOption): Checkpoint {
  const { config, preprocessing } = checkpoint;
  const [height, width] = typeof imageSize === "number" ? [imageSize, imageSize] : imageSize;
  const { verification, ...rest } = checkpoint;
  const sameSize = height === config.imageSize[0] && width === config.imageSize[1];
  return {
    ...rest,
    ...(sameSize && verification && { verification }),
    config: withImageSize(config, [height, width]),
    preprocessing: resizedPreprocessing(preprocessing, height, width),
  };
}

/** The configuration at the preprocessing's size, if the family leaves the size to it; else unchanged. */
export function atPictureSize(config: VisionModelConfig, preprocessing: ImageProcessorConfig): VisionModelConfig {
  const own = config.sizeFromPreprocessing ? pictureSize(preprocessing) : undefined;
  return own ? withImageSize(config, [own.height, own.width]) : config;
}

/** The size that the preprocessing makes of every picture; undefined if it depends on the picture. */
function pictureSize(config: ImageProcessorConfig): ImageSize | undefined {
  const { doCenterCrop, cropSize, doResize, size } = config;
  const own = doCenterCrop ? cropSize : doResize && "width" in size ? size : undefined;
  return own && processedSize(own, config);
}

/** The pixels that every edge is a multiple of, where the picture decides the size; undefined if an edge may have any length. */
function edgeUnit({ doResize, size, doCenterCrop, padToMultipleOf }: ImageProcessorConfig): number | undefined {
  return padToMultipleOf ?? (doResize && !doCenterCrop && "near" in size ? size.multipleOf : undefined);
}

/**
 * Whether each picture has a size of its own, always in whole patches, so that the model runs at the size of each picture. So it is
 * with DPT's processor, which keeps proportions.
 */
export function sizeVaries({ config, preprocessing }: Pick<Checkpoint, "config" | "preprocessing">): boolean {
  const unit = edgeUnit(preprocessing);
  return (
    pictureSize(preprocessing) === undefined &&
    unit !== undefined &&
    config.patchSize.every((patch) => unit % patch === 0)
  );
}

function resizedPreprocessing(given: ImageProcessorConfig, height: number, width: number): ImageProcessorConfig {
  const { padToMultipleOf, ...config } = given;
  const { doResize, size, doCenterCrop, cropSize } = config;
  // Every picture gets the size, so that nothing is left to pad.
  if (!doCenterCrop && edgeUnit(given) !== undefined) return { ...config, doResize: true, size: { height, width } };
  // Without a crop, a fixed resize decides the size.
  if (!doCenterCrop) return doResize && "width" in size ? { ...config, size: { height, width } } : config;
  // Rounded down, as timm and the published checkpoints for 384 pixels do: 256 to 224 is 438 to 384.
  const down = (edge: number) => Math.floor((edge * height) / cropSize.height);
  const across = (edge: number) => Math.floor((edge * width) / cropSize.width);
  const adapted = { ...config, cropSize: { height, width } };
  if ("near" in size) return { ...adapted, size: { height: down(size.near.height), width: across(size.near.width) } };
  if ("width" in size) return { ...adapted, size: { height: down(size.height), width: across(size.width) } };
  const edges = "covering" in size ? size.covering : { height: size.shortestEdge, width: size.shortestEdge };
  const covering = { height: down(edges.height), width: across(edges.width) };
  if (covering.height !== covering.width) return { ...adapted, size: { covering } };
  const longestEdge = "longestEdge" in size ? size.longestEdge : undefined;
  return {
    ...adapted,
    size: { shortestEdge: covering.height, ...(longestEdge !== undefined && { longestEdge: down(longestEdge) }) },
  };
}

/**
 * The checkpoint for work that needs one size, such as an exported graph: if each picture has a size of its own, all get that of
 * config.json.
 */
export const atOneSize = (checkpoint: Checkpoint): Checkpoint =>
  sizeVaries(checkpoint) ? atImageSize(checkpoint, checkpoint.config.imageSize) : checkpoint;

/**
 * @param varies whether the model runs at the size of each picture, which is checked when it is known
 * @throws PptError INVALID_CONFIG if the preprocessing makes other pictures than the model takes
 */
export function checkPreprocessing({ name, config, preprocessing }: CheckpointSettings, varies = false): void {
  const fail = (message: string): never => {
    throw new PptError("INVALID_CONFIG", `${name}: ${message}`);
  };
  if (config.channels !== 3) fail(`pictures have 3 channels, config.json asks for ${config.channels}`);
  if (varies) return;
  const output = pictureSize(preprocessing);
  const [H, W] = config.imageSize;
  if (!output)
    fail(
      `preprocessor_config.json leaves the size to the picture, config.json asks for ${H} x ${W}: choose one with imageSize (--image-size)`,
    );
  else if (output.height !== H || output.width !== W)
    fail(
      `preprocessor_config.json makes ${output.height} x ${output.width} pixels, config.json asks for ${H} x ${W}: choose one with imageSize (--image-size)`,
    );
}

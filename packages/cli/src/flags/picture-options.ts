/** Options for how pictures are decoded and fed to a model, for all commands that read pictures. */
import type { ImageSizeOption } from "@ppt-vit/pipeline";
import { type Command, InvalidArgumentError } from "commander";
import { count } from "./numbers.js";

export interface BatchFlags {
  readonly batch: number;
  readonly firstFrame: boolean;
  readonly maxPixels?: number;
}

export interface PictureFlags extends BatchFlags {
  readonly imageSize?: ImageSizeOption;
}

/** Adds the options for decoding pictures and for how many of them the model takes at once. */
export function addBatchOptions(command: Command, batch = 1): Command {
  return command
    .option("--batch <b>", "pictures per run of the model", count(1), batch)
    .option("--first-frame", "take the first frame of animations instead of refusing them", false)
    .option("--max-pixels <n>", "largest picture to decode, in pixels", count(1));
}

/** Adds the same options and the model's resolution. */
export function addPictureOptions(command: Command): Command {
  return addBatchOptions(
    command.option(
      "--image-size <n|HxW>",
      "run the model at another resolution: 384, or height x width, 384x288",
      imageSize,
    ),
  );
}

/** The options of a decoder. */
export const decodeOptions = ({ firstFrame, maxPixels }: Pick<BatchFlags, "firstFrame" | "maxPixels">) => ({
  firstFrame,
  ...(maxPixels !== undefined && { maxPixels }),
});

/** The options of `classifyAll` and `embedAll`. */
export const batchOptions = ({ batch, ...decoding }: BatchFlags) => ({ batch, ...decodeOptions(decoding) });

/** `384`, or `384x288`: height and width. */
function imageSize(text: string): ImageSizeOption {
  const edges = text.split("x").map((edge) => (/^[1-9]\d*$/.test(edge) ? Number(edge) : undefined));
  const [height, width] = edges;
  if (edges.includes(undefined) || edges.length > 2)
    throw new InvalidArgumentError("expected pixels as 384, or height x width as 384x288.");
  return width === undefined ? height! : [height!, width];
}

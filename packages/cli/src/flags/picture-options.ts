/** The options that say how pictures reach a model, shared by the commands that read pictures. */
import type { ImageSizeOption } from "@ppt-vit/pipeline";
import { type Command, InvalidArgumentError } from "commander";
import { count } from "./numbers.js";

export interface PictureFlags {
  readonly imageSize?: ImageSizeOption;
  readonly batch: number;
  readonly firstFrame: boolean;
  readonly maxPixels?: number;
}

export function addPictureOptions(command: Command): Command {
  return command
    .option("--image-size <n|HxW>", "run the model at another resolution: 384, or height x width, 384x288", imageSize)
    .option("--batch <b>", "pictures per run of the model", count(1), 1)
    .option("--first-frame", "take the first frame of animations instead of refusing them", false)
    .option("--max-pixels <n>", "largest picture that is decoded", count(1));
}

/** What `classifyAll` and `embedAll` need to know of it. */
export const batchOptions = ({ batch, firstFrame, maxPixels }: PictureFlags) => ({
  batch,
  firstFrame,
  ...(maxPixels !== undefined && { maxPixels }),
});

/** `384`, or `384x288`: height and width. */
function imageSize(text: string): ImageSizeOption {
  const edges = text.split("x").map((edge) => (/^[1-9]\d*$/.test(edge) ? Number(edge) : undefined));
  const [height, width] = edges;
  if (edges.includes(undefined) || edges.length > 2)
    throw new InvalidArgumentError("expected pixels as 384, or height x width as 384x288.");
  return width === undefined ? height! : [height!, width];
}

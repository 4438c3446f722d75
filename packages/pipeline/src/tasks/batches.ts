/** Runs a model on pictures in batches. While it computes one batch, the next is read and decoded. */
import {
  type ImageProcessorConfig,
  type ImageSize,
  PptError,
  patchGrid,
  processedSize,
  processImageInto,
  type RgbImage,
  type VisionModelConfig,
} from "@ppt-vit/core";
import { type Attempt, attempt, type Fetched, lookAhead, type Pictures } from "../pictures/look-ahead.js";
import { decodeLimits } from "../pictures/options.js";
import type { BatchOptions } from "./options.js";
import { describeStages, type PictureFailure, type PictureRun } from "./result.js";
import type { SizedModels, SizedRun } from "./sized-models.js";
import type { Describe } from "./task.js";

const defaultBytesAhead = 256 * 2 ** 20;

/** The models of a checkpoint, and how its pictures are read and preprocessed. */
export interface PictureModel<Input, Encoded extends Fetched> {
  readonly models: SizedModels;
  /** Whether pictures differ in size, so that results tell how many patches they have. */
  readonly sizeVaries: boolean;
  readonly preprocessing: ImageProcessorConfig;
  /** Whether results hold the pixels that the model saw. */
  readonly trace: boolean;
  readonly loadPictures: () => Promise<Pictures<Input, Encoded>>;
}

/** A task's result for one picture, the run that it was in, and the input. */
export type PictureResult<Input, Result> = Result & PictureRun & { readonly input: Input };

/** Pictures of one size in a batch. The model runs on them together. */
interface Group {
  readonly config: VisionModelConfig;
  /** [capacity, channels, H, W] */
  pixels: Float32Array;
  images: number;
  run?: SizedRun;
}

/** Values of one picture. */
const pixelsOf = ({ channels, imageSize }: VisionModelConfig): number => channels * imageSize[0] * imageSize[1];

/** A picture that has been put into its group. With `trace` it keeps the pixels that the model sees. */
interface Prepared {
  readonly group: Group;
  readonly row: number;
  /** The picture's own size. */
  readonly size: ImageSize;
  readonly image?: RgbImage;
}

/**
 * Yields one result for each input, in their order. `describe` makes it from row `row` of a run's output; it gives undefined
 * if numbers there are not finite. A picture that cannot be read becomes a failure; the others go on.
 * @throws PptError INVALID_OPTION, DISPOSED; the signal's reason when aborted
 */
export async function* runInBatches<Input, Encoded extends Fetched, Result extends object>(
  { models, sizeVaries, preprocessing, trace, loadPictures }: PictureModel<Input, Encoded>,
  inputs: readonly Input[],
  options: BatchOptions,
  describe: Describe<Result>,
): AsyncGenerator<PictureResult<Input, Result> | PictureFailure<Input>> {
  const { batch = 1, maxBytesAhead = defaultBytesAhead, signal } = options;
  const limits = decodeLimits(options);
  const pictures = await loadPictures();
  /** The groups of this batch, by size. */
  let groups = new Map<string, Group>();

  /** The group of pictures of a size. The memory of the last batch is reused. */
  function groupOf(size: ImageSize, what: string, before: ReadonlyMap<string, Group>): Group {
    const key = `${size.height}x${size.width}`;
    const group = groups.get(key) ?? {
      config: models.configAt(size, what),
      pixels: before.get(key)?.pixels ?? new Float32Array(),
      images: 0,
    };
    groups.set(key, group);
    return group;
  }

  /** Puts a picture into its group. */
  function prepare(input: Input, image: RgbImage, before: ReadonlyMap<string, Group>): Prepared {
    const what = pictures.nameOf(input);
    const group = groupOf(processedSize(image, preprocessing), what, before);
    const { config, images: row } = group;
    const length = pixelsOf(config);
    // No memory is left if a runtime transferred it to another thread.
    if (group.pixels.length < (row + 1) * length) {
      const grown = new Float32Array(Math.min(2 * row + 1, batch, inputs.length) * length);
      grown.set(group.pixels.subarray(0, row * length));
      group.pixels = grown;
    }
    const seen = processImageInto(image, preprocessing, group.pixels, row * length);
    group.images++;
    const { width, height } = image;
    return { group, row, size: { width, height }, ...(trace && { image: wholePatches(seen, config) }) };
  }

  /** What the picture that was prepared as `done` gives. */
  function resultOf(input: Input, { group, row, size, image }: Prepared) {
    const { config, run } = group;
    const { output, latencyMs } = run!;
    const result = describe(output, row, size);
    if (!result) {
      const message = "the model's output is not finite: its activations overflow with these weights in this precision";
      return { input, error: new PptError("NOT_FINITE", `${pictures.nameOf(input)}: ${message}`) };
    }
    const patches = sizeVaries && { patches: patchGrid(config) };
    return {
      ...result,
      stages: describeStages(output, row, config),
      latencyMs,
      ...patches,
      ...(image && { image }),
      input,
    };
  }

  // While the model computes one batch, other threads decode the next one. Its files must be read before: a runtime may
  // block this thread for the whole run, and reading needs this thread.
  const ahead = lookAhead(pictures, inputs, { ...limits, decodeAhead: batch, readAhead: 2 * batch, maxBytesAhead });
  for (let start = 0; start < inputs.length; start += batch) {
    signal?.throwIfAborted();
    const current = inputs.slice(start, start + batch);
    const prepared: Attempt<Prepared>[] = [];
    const before = groups;
    groups = new Map();
    for (const input of current)
      prepared.push(
        await ahead.next<Attempt<Prepared>>(({ done: image, failure }) =>
          failure ? { failure } : attempt(() => prepare(input, image, before)),
        ),
      );
    for (const group of groups.values()) {
      const { config, pixels, images } = group;
      if (images > 0) group.run = await models.run(config, pixels.subarray(0, images * pixelsOf(config)), images);
    }
    for (const [offset, { done, failure }] of prepared.entries()) {
      const input = current[offset]!;
      yield failure ? { input, error: failure } : resultOf(input, done);
    }
  }
}

/** The part of a picture that patches cover. The model does not see the remainder on the right and at the bottom. */
function wholePatches(image: RgbImage, config: VisionModelConfig): RgbImage {
  const [rows, columns] = patchGrid(config);
  const [height, width] = [rows * config.patchSize[0], columns * config.patchSize[1]];
  if (height === image.height && width === image.width) return image;
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++)
    data.set(image.data.subarray(3 * y * image.width, 3 * (y * image.width + width)), 3 * y * width);
  return { width, height, data };
}

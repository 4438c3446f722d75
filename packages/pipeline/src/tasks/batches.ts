/** Runs a model on pictures in batches. While it computes one batch, the next is read and decoded. */
import {
  type ImageProcessorConfig,
  type ImageSize,
  PptError,
  patchGrid,
  processedSize,
  processImageInto,
  type RgbImage,
  type VisionModel,
  type VisionModelConfig,
  type VisionOutput,
} from "@ppt-vit/core";
import { type Attempt, attempt, type Fetched, lookAhead, type Pictures } from "../pictures/look-ahead.js";
import { decodeLimits } from "../pictures/options.js";
import type { BatchOptions } from "./options.js";
import { describeStages, type PictureFailure, type PictureRun } from "./result.js";

const defaultBytesAhead = 256 * 2 ** 20;

/** A model, and how its pictures are read and preprocessed. */
export interface PictureModel<Input, Encoded extends Fetched> {
  readonly model: VisionModel;
  readonly preprocessing: ImageProcessorConfig;
  /** Whether results hold the pixels that the model saw. */
  readonly trace: boolean;
  readonly loadPictures: () => Promise<Pictures<Input, Encoded>>;
}

/** A task's result for one picture, the run that it was in, and the input. */
export type PictureResult<Input, Result> = Result & PictureRun & { readonly input: Input };

/** A picture that has been put into its batch. With `trace` it keeps the pixels that the model sees. */
interface Prepared {
  readonly image?: RgbImage;
}

/**
 * Yields one result for each input, in their order. `describe` makes it from row `row` of a run's output; it gives undefined
 * if numbers there are not finite. A picture that cannot be read becomes a failure; the others go on.
 * @throws PptError INVALID_OPTION, DISPOSED; the signal's reason when aborted
 */
export async function* runInBatches<Input, Encoded extends Fetched, Result extends object>(
  { model, preprocessing, trace, loadPictures }: PictureModel<Input, Encoded>,
  inputs: readonly Input[],
  options: BatchOptions,
  describe: (output: VisionOutput, row: number) => Result | undefined,
): AsyncGenerator<PictureResult<Input, Result> | PictureFailure<Input>> {
  const { batch = 1, maxBytesAhead = defaultBytesAhead, signal } = options;
  const limits = decodeLimits(options);
  const { config } = model;
  const imageLength = config.channels * config.imageSize[0] * config.imageSize[1];
  const pictures = await loadPictures();

  /** Puts a picture into row `row` of its batch. */
  function prepare(input: Input, image: RgbImage, batchPixels: Float32Array, row: number): Prepared {
    requireModelSize(pictures.nameOf(input), processedSize(image, preprocessing), config.imageSize);
    const seen = processImageInto(image, preprocessing, batchPixels, row * imageLength);
    return trace ? { image: wholePatches(seen, config) } : {};
  }

  // While the model computes one batch, other threads decode the next one. Its files must be read before: a runtime may
  // block this thread for the whole run, and reading needs this thread.
  const ahead = lookAhead(pictures, inputs, { ...limits, decodeAhead: batch, readAhead: 2 * batch, maxBytesAhead });
  let pixels = new Float32Array();
  for (let start = 0; start < inputs.length; start += batch) {
    signal?.throwIfAborted();
    const current = inputs.slice(start, start + batch);
    const prepared: Attempt<Prepared>[] = [];
    // The memory of a batch is reused. It is allocated again if a runtime transferred it to another thread.
    if (pixels.length === 0) pixels = new Float32Array(Math.min(batch, inputs.length) * imageLength);
    let images = 0;
    for (const input of current) {
      const picture = await ahead.next<Attempt<Prepared>>(({ done: image, failure }) =>
        failure ? { failure } : attempt(() => prepare(input, image, pixels, images)),
      );
      if (picture.done) images++;
      prepared.push(picture);
    }

    const run = images > 0 ? await runBatch(model, pixels.subarray(0, images * imageLength), images) : undefined;
    let row = 0;
    for (const [offset, { done, failure }] of prepared.entries()) {
      const input = current[offset]!;
      if (failure) {
        yield { input, error: failure };
        continue;
      }
      const { image } = done;
      const { output, latencyMs } = run!;
      const result = describe(output, row);
      const stages = describeStages(output, row++, config);
      if (result) yield { ...result, stages, latencyMs, ...(image && { image }), input };
      else {
        const message =
          "the model's output is not finite: its activations overflow with these weights in this precision";
        yield { input, error: new PptError("NOT_FINITE", `${pictures.nameOf(input)}: ${message}`) };
      }
    }
  }
}

async function runBatch(model: VisionModel, pixelValues: Float32Array, batch: number) {
  const start = performance.now();
  const output = await model.run({ pixelValues, batch });
  return { output, latencyMs: (performance.now() - start) / batch };
}

/**
 * @throws PptError INVALID_IMAGE if preprocessing makes another size than the model's: without resize and crop it keeps the
 * picture's own size
 */
function requireModelSize(
  what: string,
  { width, height }: ImageSize,
  [modelHeight, modelWidth]: readonly [number, number],
): void {
  if (height !== modelHeight || width !== modelWidth)
    throw new PptError(
      "INVALID_IMAGE",
      `${what}: becomes ${height} x ${width} pixels, the model takes ${modelHeight} x ${modelWidth}`,
    );
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

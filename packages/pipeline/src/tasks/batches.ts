/** Pictures through a model in batches: while it computes one batch, the next is read and decoded. */
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

/** A model, and how pictures get into it. */
export interface PictureModel<Input, Encoded extends Fetched> {
  readonly model: VisionModel;
  readonly preprocessing: ImageProcessorConfig;
  /** Results hold the picture as the model saw it. */
  readonly trace: boolean;
  readonly loadPictures: () => Promise<Pictures<Input, Encoded>>;
}

/** What a task says about one picture, what the model did with it, and which it was. */
export type PictureResult<Input, Result> = Result & PictureRun & { readonly input: Input };

/** A picture that is in its batch, and with `trace` the picture as the model sees it. */
interface Prepared {
  readonly image?: RgbImage;
}

/**
 * One result for each input, in their order. `describe` makes it from row `row` of a run's output, or says undefined
 * where numbers there are not finite. A picture that cannot be read becomes a failure and the others go on.
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

  // While the model computes one batch, the next is decoded on other threads, and that one was read from files before: a
  // runtime may keep this thread for the whole run, and then nothing that has to come back to it moves.
  const ahead = lookAhead(pictures, inputs, { ...limits, decodeAhead: batch, readAhead: 2 * batch, maxBytesAhead });
  let pixels = new Float32Array();
  for (let start = 0; start < inputs.length; start += batch) {
    signal?.throwIfAborted();
    const current = inputs.slice(start, start + batch);
    const prepared: Attempt<Prepared>[] = [];
    // Room for a batch is made once, and again where a runtime took it along to another thread.
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
 * A processor that does not resize or crop leaves some pictures at another size than the model's.
 * @throws PptError INVALID_IMAGE
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

/** The part of a picture that patches cover: what is left over on the right and below the model does not see. */
function wholePatches(image: RgbImage, config: VisionModelConfig): RgbImage {
  const [rows, columns] = patchGrid(config);
  const [height, width] = [rows * config.patchSize[0], columns * config.patchSize[1]];
  if (height === image.height && width === image.width) return image;
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++)
    data.set(image.data.subarray(3 * y * image.width, 3 * (y * image.width + width)), 3 * y * width);
  return { width, height, data };
}

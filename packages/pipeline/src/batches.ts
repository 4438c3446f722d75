/** Pictures through a model in batches: while it computes one batch, the next is read and decoded. */
import {
  type ImageProcessorConfig,
  type ImageSize,
  isPptError,
  PptError,
  processedSize,
  processImageInto,
  type RgbImage,
  resizeAndCrop,
  type VisionModel,
  type VisionOutput,
} from "@ppt-vit/core";
import type { DecodeOptions } from "./formats.js";
import { describeStages, type PictureFailure, type PictureRun } from "./result.js";

/** How a platform gets from an input to pixels. */
export interface Pictures<Input, Fetched> {
  /** What messages call an input. */
  nameOf(input: Input): string;
  /** Brings into memory what an input names. @throws PptError NOT_FOUND, INVALID_IMAGE */
  fetch(input: Input, options: DecodeOptions): Promise<Fetched>;
  /**
   * Hands decoding to other threads before it returns, so that it goes on while a model keeps this one.
   * @throws PptError INVALID_IMAGE
   */
  decode(fetched: Fetched, what: string, options: DecodeOptions): Promise<RgbImage>;
}

export interface BatchOptions extends DecodeOptions {
  /** Pictures per run of the model. Default 1. */
  readonly batch?: number;
  readonly signal?: AbortSignal;
}

/** A model, and how pictures get into it. */
export interface PictureModel<Input, Fetched> {
  readonly model: VisionModel;
  readonly preprocessing: ImageProcessorConfig;
  /** Results hold the picture as the model saw it. */
  readonly trace: boolean;
  readonly loadPictures: () => Promise<Pictures<Input, Fetched>>;
}

/** What a task says about one picture, what the model did with it, and which it was. */
export type PictureResult<Input, Result> = Result & PictureRun & { readonly input: Input };

/** A picture that is in its batch, and with `trace` the picture as the model sees it. */
interface Prepared {
  readonly image?: RgbImage;
}

type Attempt<R, Input> =
  | { readonly done: R; readonly failure?: undefined }
  | { readonly failure: PictureFailure<Input>; readonly done?: undefined };

/**
 * One result for each input, in their order. `describe` makes it from row `row` of a run's output, or says undefined
 * where numbers there are not finite. A picture that cannot be read becomes a failure and the others go on.
 * @throws PptError INVALID_OPTION, DISPOSED; the signal's reason when aborted
 */
export async function* runInBatches<Input, Fetched, Result extends object>(
  { model, preprocessing, trace, loadPictures }: PictureModel<Input, Fetched>,
  inputs: readonly Input[],
  options: BatchOptions,
  describe: (output: VisionOutput, row: number) => Result | undefined,
): AsyncGenerator<PictureResult<Input, Result> | PictureFailure<Input>> {
  const { batch = 1, signal } = options;
  requireCount("batch", batch);
  const { config } = model;
  const imageLength = config.channels * config.imageSize[0] * config.imageSize[1];
  const pictures = await loadPictures();

  /** What `step` gives, or the failure of this picture alone. */
  async function attempt<R>(input: Input, step: () => Promise<R>): Promise<Attempt<R, Input>> {
    try {
      return { done: await step() };
    } catch (error) {
      if (!isPptError(error)) throw error;
      return { failure: { input, error } };
    }
  }
  const inBatch = (start: number) => inputs.slice(start, start + batch);
  const read = (start: number) =>
    Promise.all(inBatch(start).map((input) => attempt(input, () => pictures.fetch(input, options))));

  /** Hands a picture to the decoder's threads. */
  function startDecoding(input: Input, fetched: Attempt<Fetched, Input>): Promise<Attempt<RgbImage, Input>> {
    const { done, failure } = fetched;
    if (failure) return Promise.resolve({ failure });
    const decoding = attempt(input, () => pictures.decode(done, pictures.nameOf(input), options));
    // A rejection is seen when it is awaited; this only keeps it from counting as unhandled until then.
    decoding.catch(() => {});
    return decoding;
  }

  /** Puts a picture into row `row` of its batch. */
  function prepare(
    input: Input,
    { done: image, failure }: Attempt<RgbImage, Input>,
    batchPixels: Float32Array,
    row: number,
  ): Promise<Attempt<Prepared, Input>> {
    if (failure) return Promise.resolve({ failure });
    return attempt(input, async (): Promise<Prepared> => {
      requireModelSize(pictures.nameOf(input), processedSize(image, preprocessing), config.imageSize);
      processImageInto(image, preprocessing, batchPixels, row * imageLength);
      return trace ? { image: resizeAndCrop(image, preprocessing) } : {};
    });
  }

  // While the model computes one batch, the next is decoded on other threads. It was read from files before that: a
  // runtime may keep this thread for the whole run, and then nothing that has to come back to it moves.
  let decoding = (await read(0)).map((fetched, i) => startDecoding(inputs[i]!, fetched));
  let reading = read(batch);
  let pixels = new Float32Array();
  for (let start = 0; start < inputs.length; start += batch) {
    signal?.throwIfAborted();
    const next = await reading;
    reading = read(start + 2 * batch);
    reading.catch(() => {});
    const nextDecoding: typeof decoding = [];
    const prepared: Attempt<Prepared, Input>[] = [];
    const current = inBatch(start);
    // Room for a batch is made once, and again where a runtime took it along to another thread.
    if (pixels.length === 0) pixels = new Float32Array(Math.min(batch, inputs.length) * imageLength);
    let images = 0;
    for (const [i, input] of current.entries()) {
      const decoded = await decoding[i]!;
      // One decoded picture makes room for another: the decoder has work while this thread resizes.
      if (i < next.length) nextDecoding.push(startDecoding(inputs[start + batch + i]!, next[i]!));
      const picture = await prepare(input, decoded, pixels, images);
      if (picture.done) images++;
      prepared.push(picture);
    }
    decoding = nextDecoding;

    const run = images > 0 ? await runBatch(model, pixels.subarray(0, images * imageLength), images) : undefined;
    let row = 0;
    for (const [offset, { done, failure }] of prepared.entries()) {
      if (failure) {
        yield failure;
        continue;
      }
      const input = inputs[start + offset]!;
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

/** @throws PptError INVALID_OPTION */
export function requireCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw new PptError("INVALID_OPTION", `${name} must be a whole number of at least 1, got ${value}`);
}

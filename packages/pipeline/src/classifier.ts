/** Pictures in, labels out: decoding, preprocessing, the model, and the best labels. The same in Node and browsers. */
import {
  type Backend,
  createVisionModel,
  isPptError,
  modelCost,
  PptError,
  parseReduction,
  processImageInto,
  publishedReduction,
  type ReductionConfig,
  type RgbImage,
  resizeAndCrop,
  type VisionModel,
} from "@ppt-vit/core";
import { createBackend } from "./backends.js";
import type { Checkpoint, LoadOptions } from "./checkpoint.js";
import type { DecodeOptions } from "./formats.js";
import { type Classification, type ClassificationFailure, describeImage, isFailure } from "./result.js";
import { selectBackend } from "./select-backend.js";
import { type ModelVerification, verifyCheckpoint } from "./verify.js";

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

export interface PretrainedOptions extends LoadOptions {
  /**
   * A name of `backendNames`; `auto` for the best that works here (`selectBackend` says which and why); or a backend of
   * your own, which stays yours to dispose. Default `cpu`.
   */
  readonly backend?: string | Backend;
  /**
   * Token reduction. What is left out comes from the checkpoint's `reduction.json`, else from the published setting.
   * `false` runs the unreduced model.
   */
  readonly reduction?: Partial<ReductionConfig> | false | undefined;
  /**
   * Compare the logits of a known input before anything else is computed: some GPU drivers give wrong numbers without a
   * word. Takes one run of the model; for a checkpoint without `verification.json` also one on the plain CPU backend.
   */
  readonly verify?: boolean;
  /**
   * Follow every token: results say which patches each token holds after each stage, with its scores, and hold the pixels
   * that the model saw. Costs a readback for each stage.
   */
  readonly trace?: boolean;
}

export interface ClassifyOptions extends DecodeOptions {
  /** Labels per picture. Default 5. */
  readonly topK?: number;
  /** Pictures per run of the model. Default 1. */
  readonly batch?: number;
  readonly signal?: AbortSignal;
}

export interface ImageClassifier<Input> {
  /** The checkpoint's name, as given. */
  readonly model: string;
  readonly backend: string;
  readonly labels: readonly string[];
  /** What is applied; undefined for the unreduced model. */
  readonly reduction: ReductionConfig | undefined;
  /** What `verify` found. */
  readonly verification?: ModelVerification;
  /** Tokens at the start and after each stage. */
  readonly tokens: readonly number[];
  /** Rows and columns of patches in a picture. */
  readonly patches: readonly [rows: number, columns: number];
  /** Multiply-accumulates of one image, 1e9. */
  readonly gmacs: { readonly unreduced: number; readonly reduced: number };
  /** @throws PptError INVALID_IMAGE, NOT_FOUND, INVALID_OPTION, DISPOSED */
  classify(input: Input, options?: ClassifyOptions): Promise<Classification<Input>>;
  /**
   * Classifies many pictures in batches, decoding ahead while the model runs, in the order of `inputs`. A picture that
   * cannot be read becomes a failure and the others go on.
   * @throws PptError INVALID_OPTION, DISPOSED; the signal's reason when aborted
   */
  classifyAll(
    inputs: readonly Input[],
    options?: ClassifyOptions,
  ): AsyncGenerator<Classification<Input> | ClassificationFailure<Input>>;
  dispose(): Promise<void>;
}

/**
 * A classifier from a checkpoint that `read` brings.
 * @throws PptError what `read` throws, INVALID_WEIGHTS, INVALID_REDUCTION, UNKNOWN_BACKEND, BACKEND_UNAVAILABLE,
 * VERIFICATION_FAILED
 */
export async function createClassifier<Input, Fetched>(
  read: (options: LoadOptions) => Promise<Checkpoint>,
  options: PretrainedOptions,
  loadPictures: () => Promise<Pictures<Input, Fetched>>,
): Promise<ImageClassifier<Input>> {
  const { backend: wanted = "cpu", trace = false } = options;
  // Before the checkpoint: a wrong name should not cost the loading of a model.
  const backend = typeof wanted === "string" ? await createBackend(await nameOfBackend(wanted)) : wanted;
  const disposeBackend = async () => {
    if (backend !== wanted) await backend.dispose();
  };
  try {
    const checkpoint = await read(options);
    const { config, weights } = checkpoint;
    const reduction =
      options.reduction === false
        ? undefined
        : parseReduction({ ...(checkpoint.reduction ?? publishedReduction), ...options.reduction });
    checkPreprocessing(checkpoint);
    options.signal?.throwIfAborted();
    const outputs = trace ? ({ source: "stages", scores: true } as const) : {};
    const model = await createVisionModel({ config, weights, backend, reduction, outputs });
    const verification = options.verify ? await verifyCheckpoint(model, backend, checkpoint, reduction) : undefined;
    options.progress_callback?.({ status: "ready", task: "image-classification", model: checkpoint.name });
    const loaded: Loaded<Input, Fetched> = { model, checkpoint, trace, loadPictures };
    return {
      model: checkpoint.name,
      backend: backend.name,
      labels: config.labels,
      reduction,
      ...(verification && { verification }),
      tokens: model.tokens,
      patches: [config.imageSize[0] / config.patchSize[0], config.imageSize[1] / config.patchSize[1]],
      gmacs: { unreduced: modelCost(config).gmacs, reduced: modelCost(config, reduction).gmacs },
      classifyAll: (inputs, classifyOptions) => classifyAll(loaded, inputs, classifyOptions),
      async classify(input, classifyOptions) {
        for await (const result of classifyAll(loaded, [input], { ...classifyOptions, batch: 1 })) {
          if (isFailure(result)) throw result.error;
          return result;
        }
        throw new Error("unreachable: one input has one result");
      },
      async dispose() {
        await model.dispose();
        await disposeBackend();
      },
    };
  } catch (error) {
    await disposeBackend();
    throw error;
  }
}

interface Loaded<Input, Fetched> {
  readonly model: VisionModel;
  readonly checkpoint: Checkpoint;
  readonly trace: boolean;
  readonly loadPictures: () => Promise<Pictures<Input, Fetched>>;
}

const nameOfBackend = async (wanted: string) => (wanted === "auto" ? (await selectBackend()).backend : wanted);

/** @throws PptError INVALID_CONFIG where the processor's output is not what the model reads. */
function checkPreprocessing({ name, config, preprocessing }: Checkpoint): void {
  const fail = (message: string): never => {
    throw new PptError("INVALID_CONFIG", `${name}: ${message}`);
  };
  const { doCenterCrop, cropSize, doResize, size } = preprocessing;
  const output = doCenterCrop ? cropSize : doResize && "width" in size ? size : undefined;
  const [H, W] = config.imageSize;
  if (!output) fail(`preprocessor_config.json leaves the size to the picture, config.json asks for ${H} x ${W}`);
  else if (output.height !== H || output.width !== W)
    fail(`preprocessor_config.json makes ${output.height} x ${output.width} pixels, config.json asks for ${H} x ${W}`);
  if (config.channels !== 3) fail(`pictures have 3 channels, config.json asks for ${config.channels}`);
}

/** A picture as the model takes it. */
interface Prepared {
  readonly pixels: Float32Array;
  /** What the model sees, where it is asked for. */
  readonly image?: RgbImage;
}

async function* classifyAll<Input, Fetched>(
  { model, checkpoint: { preprocessing }, trace, loadPictures }: Loaded<Input, Fetched>,
  inputs: readonly Input[],
  options: ClassifyOptions = {},
): AsyncGenerator<Classification<Input> | ClassificationFailure<Input>> {
  const { topK = 5, batch = 1, signal } = options;
  requireCount("topK", topK);
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

  /** Hands a batch's pictures to the decoder's threads. What it gives becomes the model's input on this one. */
  async function startDecoding(start: number, fetched: Awaited<ReturnType<typeof read>>) {
    const decoding = inBatch(start).map(async (input, i): Promise<Attempt<Prepared, Input>> => {
      const one = fetched[i]!;
      if (one.failure) return one;
      return attempt(input, async () => {
        const image = await pictures.decode(one.done, pictures.nameOf(input), options);
        const pixels = new Float32Array(imageLength);
        processImageInto(image, preprocessing, pixels);
        return trace ? { pixels, image: resizeAndCrop(image, preprocessing) } : { pixels };
      });
    });
    const ready = Promise.all(decoding);
    // A rejection is seen when it is awaited; this only keeps it from counting as unhandled until then.
    ready.catch(() => {});
    return { ready };
  }

  // While the model computes one batch, the next is decoded on other threads. It was read from files before that: a
  // runtime may keep this thread for the whole run, and then nothing that has to come back to it moves.
  let decoding = await startDecoding(0, await read(0));
  let reading = read(batch);
  for (let start = 0; start < inputs.length; start += batch) {
    signal?.throwIfAborted();
    const prepared = await decoding.ready;
    decoding = await startDecoding(start + batch, await reading);
    reading = read(start + 2 * batch);
    reading.catch(() => {});

    const good = prepared.flatMap(({ done }) => (done ? [done] : []));
    const run = good.length > 0 ? await runBatch(model, good) : undefined;
    let row = 0;
    for (const [offset, { failure }] of prepared.entries()) {
      if (failure) {
        yield failure;
        continue;
      }
      const input = inputs[start + offset]!;
      const { image } = good[row]!;
      const result = describeImage(run!.output, row++, config, topK);
      if (result) yield { input, ...result, latencyMs: run!.latencyMs, ...(image && { image }) };
      else {
        const message =
          "the model's logits are not finite: its activations overflow with these weights in this precision";
        yield { input, error: new PptError("NOT_FINITE", `${pictures.nameOf(input)}: ${message}`) };
      }
    }
  }
}

type Attempt<R, Input> =
  | { readonly done: R; readonly failure?: undefined }
  | { readonly failure: ClassificationFailure<Input>; readonly done?: undefined };

async function runBatch(model: VisionModel, images: readonly Prepared[]) {
  const length = images[0]!.pixels.length;
  const pixelValues = new Float32Array(images.length * length);
  images.forEach(({ pixels }, i) => void pixelValues.set(pixels, i * length));
  const start = performance.now();
  const output = await model.run({ pixelValues, batch: images.length });
  return { output, latencyMs: (performance.now() - start) / images.length };
}

function requireCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw new PptError("INVALID_OPTION", `${name} must be a whole number of at least 1, got ${value}`);
}

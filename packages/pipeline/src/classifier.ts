/** Pictures in, labels out: decoding, preprocessing, the model, and the best labels. */
import {
  type Backend,
  createVisionModel,
  type HostTensor,
  isPptError,
  modelCost,
  type Policy,
  PptError,
  parseReduction,
  processImageInto,
  publishedReduction,
  type ReductionConfig,
  type VisionModel,
  type VisionOutput,
} from "@ppt-vit/core";
import { createBackend } from "./backends.js";
import { type Checkpoint, readCheckpoint } from "./checkpoint.js";
import { type DecodeOptions, type ImageInput, loadDecoder, nameOf, readImage } from "./decode.js";
import { type ModelVerification, verifyCheckpoint } from "./verify.js";

export interface PretrainedOptions {
  /** A name of `backendNames`, or a backend of your own, which stays yours to dispose. Default `cpu`. */
  readonly backend?: string | Backend;
  /**
   * Token reduction. What is left out comes from the checkpoint's `reduction.json`, else from the published setting.
   * `false` runs the unreduced model.
   */
  readonly reduction?: Partial<ReductionConfig> | false;
  /**
   * Compare the logits of a known input before anything else is computed: some GPU drivers give wrong numbers without a
   * word. Takes one run of the model; for a checkpoint without `verification.json` also one on the plain CPU backend.
   */
  readonly verify?: boolean;
}

export interface ClassifyOptions extends DecodeOptions {
  /** Labels per picture. Default 5. */
  readonly topK?: number;
  /** Pictures per run of the model. Default 1. */
  readonly batch?: number;
  readonly signal?: AbortSignal;
}

export interface LabelProbability {
  readonly label: string;
  readonly index: number;
  readonly probability: number;
}

/** One stage of token reduction on one picture. */
export interface ImageStage {
  readonly layer: number;
  readonly tokensIn: number;
  readonly tokensOut: number;
  readonly policy: Policy;
  readonly variance: number;
}

export interface Classification {
  readonly input: ImageInput;
  /** Most probable first. */
  readonly labels: readonly LabelProbability[];
  /** [labels] */
  readonly logits: Float32Array;
  readonly stages: readonly ImageStage[];
  /** The model's share of the run that this picture was in, in milliseconds; decoding is not counted. */
  readonly latencyMs: number;
}

/** A picture that could not be classified. */
export interface ClassificationFailure {
  readonly input: ImageInput;
  readonly error: PptError;
}

export interface ImageClassifier {
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
  /** Multiply-accumulates of one image, 1e9. */
  readonly gmacs: { readonly unreduced: number; readonly reduced: number };
  /** @throws PptError INVALID_IMAGE, NOT_FOUND, INVALID_OPTION, DISPOSED */
  classify(input: ImageInput, options?: ClassifyOptions): Promise<Classification>;
  /**
   * Classifies many pictures in batches, decoding ahead while the model runs, in the order of `inputs`. A picture that
   * cannot be read becomes a failure and the others go on.
   * @throws PptError INVALID_OPTION, DISPOSED; the signal's reason when aborted
   */
  classifyAll(
    inputs: readonly ImageInput[],
    options?: ClassifyOptions,
  ): AsyncGenerator<Classification | ClassificationFailure>;
  dispose(): Promise<void>;
}

export const isFailure = (result: Classification | ClassificationFailure): result is ClassificationFailure =>
  "error" in result;

/**
 * Loads a checkpoint with token reduction: `demo`, or a folder (`./deit-small`) with `config.json`,
 * `preprocessor_config.json` and `model.safetensors`.
 * @throws PptError NOT_FOUND, INVALID_CONFIG, INVALID_WEIGHTS, INVALID_SAFETENSORS, INVALID_REDUCTION, UNKNOWN_BACKEND,
 * VERIFICATION_FAILED
 */
export async function fromPretrained(source: string, options: PretrainedOptions = {}): Promise<ImageClassifier> {
  const { backend: wanted = "cpu" } = options;
  // Before the checkpoint: a wrong name should not cost the loading of a model.
  const backend = typeof wanted === "string" ? await createBackend(wanted) : wanted;
  const disposeBackend = async () => {
    if (backend !== wanted) await backend.dispose();
  };
  try {
    const checkpoint = await readCheckpoint(source);
    const { config, weights } = checkpoint;
    const reduction =
      options.reduction === false
        ? undefined
        : parseReduction({ ...(checkpoint.reduction ?? publishedReduction), ...options.reduction });
    checkPreprocessing(checkpoint);
    const model = await createVisionModel({ config, weights, backend, reduction });
    const verification = options.verify ? await verifyCheckpoint(model, backend, checkpoint, reduction) : undefined;
    return {
      model: checkpoint.name,
      backend: backend.name,
      labels: config.labels,
      reduction,
      ...(verification && { verification }),
      tokens: model.tokens,
      gmacs: { unreduced: modelCost(config).gmacs, reduced: modelCost(config, reduction).gmacs },
      classifyAll: (inputs, classifyOptions) => classifyAll(model, checkpoint, inputs, classifyOptions),
      async classify(input, classifyOptions) {
        for await (const result of classifyAll(model, checkpoint, [input], { ...classifyOptions, batch: 1 })) {
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

async function* classifyAll(
  model: VisionModel,
  { preprocessing }: Checkpoint,
  inputs: readonly ImageInput[],
  options: ClassifyOptions = {},
): AsyncGenerator<Classification | ClassificationFailure> {
  const { topK = 5, batch = 1, signal } = options;
  requireCount("topK", topK);
  requireCount("batch", batch);
  const { config } = model;
  const imageLength = config.channels * config.imageSize[0] * config.imageSize[1];

  /** What `step` gives, or the failure of this picture alone. */
  async function attempt<R>(input: ImageInput, step: () => Promise<R>): Promise<R | ClassificationFailure> {
    try {
      return await step();
    } catch (error) {
      if (!isPptError(error)) throw error;
      return { input, error };
    }
  }
  const inBatch = (start: number) => inputs.slice(start, start + batch);
  const read = (start: number) =>
    Promise.all(inBatch(start).map((input) => attempt(input, () => readImage(input, options))));

  const decode = await loadDecoder();
  /** Hands a batch's pictures to the decoder's threads. What it gives becomes the model's input on this one. */
  async function startDecoding(start: number, encoded: Awaited<ReturnType<typeof read>>) {
    const decoding = inBatch(start).map((input, i) =>
      attempt(input, async () => {
        const bytes = encoded[i]!;
        if (!(bytes instanceof Uint8Array)) return bytes;
        const image = await decode(bytes, nameOf(input), options);
        const pixels = new Float32Array(imageLength);
        processImageInto(image, preprocessing, pixels);
        return pixels;
      }),
    );
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

    const good = prepared.filter((pixels) => pixels instanceof Float32Array);
    const classified = good.length > 0 ? await runBatch(model, good) : undefined;
    let row = 0;
    for (const [offset, pixels] of prepared.entries()) {
      if (!(pixels instanceof Float32Array)) yield pixels;
      else yield describe(inputs[start + offset]!, config.labels, classified!, row++, topK);
    }
  }
}

interface RunResult {
  readonly output: VisionOutput;
  readonly latencyMs: number;
}

async function runBatch(model: VisionModel, images: readonly Float32Array[]): Promise<RunResult> {
  const length = images[0]!.length;
  const pixelValues = new Float32Array(images.length * length);
  images.forEach((pixels, i) => void pixelValues.set(pixels, i * length));
  const start = performance.now();
  const output = await model.run({ pixelValues, batch: images.length });
  return { output, latencyMs: (performance.now() - start) / images.length };
}

function describe(
  input: ImageInput,
  labels: readonly string[],
  { output, latencyMs }: RunResult,
  row: number,
  topK: number,
): Classification | ClassificationFailure {
  const logits = rowOf(output.logits, row);
  if (!logits.every(Number.isFinite)) {
    const message = "the model's logits are not finite: its activations overflow with these weights in this precision";
    return { input, error: new PptError("NOT_FINITE", `${nameOf(input)}: ${message}`) };
  }
  return {
    input,
    labels: topLabels(logits, labels, topK),
    logits,
    stages: output.stages.map(({ layer, tokensIn, tokensOut, policies, variances }) => ({
      layer,
      tokensIn,
      tokensOut,
      policy: policies[row]!,
      variance: variances[row]!,
    })),
    latencyMs,
  };
}

function rowOf({ shape, data }: HostTensor, row: number): Float32Array {
  const length = shape[1]!;
  return data.slice(row * length, (row + 1) * length);
}

/** Softmax over all classes, the `count` most probable first; ties keep the order of the classes. */
export function topLabels(logits: Float32Array, labels: readonly string[], count: number): LabelProbability[] {
  const highest = logits.reduce((a, b) => Math.max(a, b));
  const exponentials = Array.from(logits, (logit) => Math.exp(logit - highest));
  const sum = exponentials.reduce((a, b) => a + b);
  return exponentials
    .map((e, index) => ({ label: labels[index]!, index, probability: e / sum }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, count);
}

function requireCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw new PptError("INVALID_OPTION", `${name} must be a whole number of at least 1, got ${value}`);
}

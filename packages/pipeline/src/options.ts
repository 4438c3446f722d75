/**
 * The options of this package's functions, each with what it must be. Names that belong to other libraries are refused with
 * what to write here; any other unknown name is ignored, as is the custom.
 */
import { PptError } from "@ppt-vit/core";
import {
  arrayOf,
  backendCheck,
  type Check,
  type Checks,
  callback,
  check,
  checkArgument,
  checkOptions,
  count,
  flag,
  hostTensorCheck,
  object,
  oneOf,
  shaped,
  signalCheck,
  text,
} from "@ppt-vit/core/options";
import type { LoadOptions } from "./checkpoint/checkpoint.js";
import type { DecodeOptions } from "./pictures/formats.js";
import type { BatchOptions } from "./tasks/batches.js";
import type { ClassifyOptions, PretrainedOptions } from "./tasks/classifier.js";
import type { EmbedOptions, FeatureExtractorOptions } from "./tasks/feature-extractor.js";
import type { ModelOptions } from "./tasks/load.js";

/** Texts that are looked into later, under a code of their own. */
const anyText = check("a text", (value) => typeof value === "string");
const isNumber = (value: unknown): boolean => typeof value === "number";

/** Names for `pooling`. */
export const poolings = ["class", "mean", "distilled", "projection"] as const;

/** `Infinity` is no limit. */
const limit: Check = check("a number above 0", (value) => typeof value === "number" && value > 0);
const names = arrayOf("texts", (value) => typeof value === "string");
const isPair = (value: unknown): boolean => Array.isArray(value) && value.length === 2 && value.every(isNumber);

const textEmbeddings: Check = shaped(
  "text embeddings { labels, embeddings, logitScale }, as parseTextEmbeddings() gives",
  {
    labels: names.holds,
    embeddings: hostTensorCheck.holds,
    logitScale: (value) => typeof value === "number",
  },
);

const either = (expected: string, ...checks: readonly Check[]): Check =>
  check(expected, (value) => checks.some(({ holds }) => holds(value)));

const loadChecks: Checks<LoadOptions> = {
  revision: text,
  cacheDir: text,
  token: check(
    "a token of the Hub, printable and without spaces",
    (value) => typeof value === "string" && /^[\x21-\x7e]*$/.test(value),
  ),
  endpoint: check("the address of a Hub, https://...", (value) => typeof value === "string" && isAddress(value)),
  localFilesOnly: flag,
  timeoutMs: limit,
  maxFileBytes: limit,
  signal: signalCheck,
  progress_callback: callback,
};

function isAddress(address: string): boolean {
  return URL.canParse(address) && /^https?:$/.test(new URL(address).protocol);
}

const decodeChecks: Checks<DecodeOptions> = { maxBytes: limit, maxPixels: limit, firstFrame: flag };

const batchChecks: Checks<BatchOptions> = {
  ...decodeChecks,
  batch: count(),
  maxBytesAhead: limit,
  signal: signalCheck,
};

const modelChecks: Checks<ModelOptions> = {
  ...loadChecks,
  backend: either(`the name of a backend, 'auto', or ${backendCheck.expected}`, text, backendCheck),
  reduction: check(
    "settings { layers, tokensRemoved, threshold }, the name of published settings, or false for none",
    (value) => value === false || text.holds(value) || object.holds(value),
  ),
  imageSize: check("a number of pixels, or [height, width]", (value) => isNumber(value) || isPair(value)),
  verify: flag,
  trace: flag,
};

const tasks = ["image-classification", "image-feature-extraction"] as const;

/** Names that users of transformers.js write. */
const misnamed = {
  device: "write backend, as in { backend: 'onnx-webgpu' }, 'onnx-wasm', 'onnx-cpu' or 'auto'",
  dtype: "weights run in float32; for half precision write { backend: await createOnnxBackend({ dtype: 'fp16' }) }",
  quantized: "weights run in float32; for half precision write { backend: await createOnnxBackend({ dtype: 'fp16' }) }",
  session_options: "write { backend: await createOnnxBackend({ sessionOptions }) }",
  top_k: "write topK, and give it to classify()",
  topK: "give it to classify()",
  batch: "give it to classifyAll() or embedAll()",
  batch_size: "write batch, and give it to classifyAll() or embedAll()",
  pooling: "give it to embed()",
  normalize: "give it to embed()",
  subfolder: "files are read from the top of the repository",
  model_file_name: "the file is model.safetensors",
  config: "config.json is read from the checkpoint",
  use_external_data_format: "weights are read from model.safetensors and its shards",
  timeout: "write timeoutMs",
  maxBytes: "give it to classify(), embed() or decodeImage()",
  maxPixels: "give it to classify(), embed() or decodeImage()",
  firstFrame: "give it to classify(), embed() or decodeImage()",
  layers: "write reduction: { layers }",
  tokensRemoved: "write reduction: { tokensRemoved }",
  threshold: "write reduction: { threshold }",
  policy: "write reduction: { policy }",
};
const perPicture = {
  batch_size: "write batch",
  top_k: "write topK",
  backend: "give it to fromPretrained()",
  device: "give backend to fromPretrained()",
  reduction: "give it to fromPretrained()",
};

const classifierChecks: Checks<PretrainedOptions> = { ...modelChecks, task: oneOf(tasks), textEmbeddings };
const extractorChecks: Checks<FeatureExtractorOptions> = { ...modelChecks, task: oneOf(tasks), dense: flag };

/** Whether the options are those of a feature extractor, whatever else they hold. */
const isExtractor = (options: unknown): options is FeatureExtractorOptions =>
  object.holds(options) && (options as FeatureExtractorOptions).task === "image-feature-extraction";

/** The options of `fromPretrained`. @throws PptError INVALID_OPTION */
export function pretrainedOptions<Options extends PretrainedOptions | FeatureExtractorOptions>(
  options: Options | undefined,
): Options {
  const where = "fromPretrained";
  const given: unknown = options;
  let extractor: boolean;
  try {
    extractor = isExtractor(given);
  } catch (cause) {
    throw new PptError("INVALID_OPTION", `${where}: options cannot be read`, { cause });
  }
  const checked = extractor
    ? checkOptions(where, given as FeatureExtractorOptions, extractorChecks, {
        misnamed: { ...misnamed, textEmbeddings: "they are for task 'image-classification'" },
      })
    : checkOptions(where, given as PretrainedOptions | undefined, classifierChecks, {
        misnamed: { ...misnamed, dense: "it is for task 'image-feature-extraction'" },
      });
  return checked as Options;
}

/** What `readCheckpoint` reads of its options, which may be those of `fromPretrained`. @throws PptError INVALID_OPTION */
export const loadOptions = (where: string, options: LoadOptions | undefined): LoadOptions =>
  checkOptions(where, options, loadChecks);

/** @throws PptError INVALID_OPTION */
export const decodeOptions = (options: DecodeOptions | undefined): DecodeOptions =>
  checkOptions("decodeImage", options, decodeChecks);

/** @throws PptError INVALID_OPTION */
export const classifyOptions = (options: ClassifyOptions | undefined): ClassifyOptions =>
  checkOptions("classify", options, { ...batchChecks, topK: count() }, { misnamed: perPicture });

/** @throws PptError INVALID_OPTION */
export const embedOptions = (options: EmbedOptions | undefined): EmbedOptions =>
  checkOptions(
    "embed",
    options,
    { ...batchChecks, pooling: oneOf(poolings), normalize: flag },
    { misnamed: { ...perPicture, dense: "give it to fromPretrained()" } },
  );

/** @throws PptError INVALID_OPTION */
export const featureOptions = (options: BatchOptions | undefined): BatchOptions =>
  checkOptions("features", options, batchChecks, { misnamed: perPicture });

const isWeights = shaped("", { has: callback.holds, read: callback.holds }).holds;
const checkpointCheck = shaped("a checkpoint, as readCheckpoint() gives it", {
  name: (value) => typeof value === "string",
  config: object.holds,
  preprocessing: object.holds,
  weights: isWeights,
});

/** What `readCheckpoint` gives. */
export const isCheckpoint = (value: unknown): boolean => checkpointCheck.holds(value);

/** @throws PptError INVALID_INPUT */
export const requireCheckpoint = (where: string, checkpoint: unknown): void =>
  checkArgument(where, "checkpoint", checkpoint, checkpointCheck);

/** In Node: what `readCheckpoint` reads. @throws PptError INVALID_INPUT */
export const requireNodeSource = (where: string, source: unknown): void =>
  checkArgument(
    where,
    "source",
    source,
    either("'demo', a path, an id of the Hub, or a store { name, read }", anyText, storeCheck),
  );

/** In pages and workers. @throws PptError INVALID_INPUT */
export const requireBrowserSource = (where: string, source: unknown): void =>
  checkArgument(where, "source", source, browserSource);

const storeCheck = shaped("a store { name, read }", { name: text.holds, read: callback.holds });
const isFile = (value: unknown): boolean => value instanceof Blob && "name" in value;
/** Also a `FileList`. What can be gone through once alone is left for the one who reads it. */
function holdsFiles(value: object): boolean {
  if (!(Symbol.iterator in value) || ArrayBuffer.isView(value)) return false;
  const files = value as Iterable<unknown>;
  const iterator: unknown = files[Symbol.iterator]();
  return iterator === files || Array.from(files).every(isFile);
}

const browserSource = check(
  "an id of the Hub, an address, the files or the handle of a folder, or a store { name, read }",
  (value) => {
    if (text.holds(value) || value instanceof URL || storeCheck.holds(value)) return true;
    if (Array.isArray(value)) return value.length > 0 && value.every(isFile);
    if (typeof value !== "object" || value === null) return false;
    const { kind, folder, blobs } = value as { kind?: unknown; folder?: unknown; blobs?: unknown };
    return kind === "directory" || (text.holds(folder) && blobs instanceof Map) || holdsFiles(value);
  },
);

/** A picture in Node; strings and bytes are looked into later. @throws PptError INVALID_INPUT */
export const requireNodePicture = (input: unknown): void =>
  checkArgument(
    "picture",
    "input",
    input,
    check(
      "a path, a file: URL, or the bytes of a picture as a Uint8Array",
      (value) => text.holds(value) || value instanceof URL || value instanceof Uint8Array,
    ),
  );

/** Kinds of pictures in a page or worker, as far as they exist there. */
const pictureKinds = [
  "URL",
  "Blob",
  "Uint8Array",
  "ImageData",
  "ImageBitmap",
  "OffscreenCanvas",
  "VideoFrame",
  "HTMLCanvasElement",
  "HTMLImageElement",
  "HTMLVideoElement",
];

/** A picture in a page or worker. @throws PptError INVALID_INPUT */
export const requireBrowserPicture = (input: unknown): void =>
  checkArgument(
    "picture",
    "input",
    input,
    check(
      "an address, a File or Blob, the bytes of a picture as a Uint8Array, ImageData, an image, a canvas, a video or a bitmap",
      (value) =>
        text.holds(value) ||
        pictureKinds.some((name) => {
          const Kind: unknown = (globalThis as Record<string, unknown>)[name];
          return typeof Kind === "function" && value instanceof Kind;
        }),
    ),
  );

/** Options that can be sent to a worker: a backend by its name. @throws PptError INVALID_OPTION */
export function portableOptions<Options extends PretrainedOptions | FeatureExtractorOptions>(
  options: Options | undefined,
): Options {
  const checked = pretrainedOptions(options);
  if (checked.backend !== undefined)
    checkArgument(
      "fromPretrained",
      "backend",
      checked.backend,
      check("the name of a backend: one of your own cannot be sent, add it to serveClassifiers()", text.holds),
      "INVALID_OPTION",
    );
  return checked;
}

/** Pictures come as an array: a text would be taken apart into letters. @throws PptError INVALID_INPUT */
export const requireInputs = (where: string, inputs: unknown): void =>
  checkArgument(where, "inputs", inputs, arrayOf("pictures"));

/** All options of calibration that are not its own. */
export const calibrationBasics: Checks<LoadOptions & DecodeOptions & Pick<BatchOptions, "batch">> & {
  readonly backend: Check;
} = { ...loadChecks, ...decodeChecks, batch: count(), backend: modelChecks.backend };

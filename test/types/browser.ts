/** The pipeline and the backends in pages and workers. */
import { createOnnxBackend, type OnnxBackendOptions, type OnnxRuntime } from "@ppt-vit/backend-onnx";
import { createTfjsBackend, type Tfjs } from "@ppt-vit/backend-tfjs";
import { conformanceCases, type ReadGolden } from "@ppt-vit/conformance";
import { demoModelUrl } from "@ppt-vit/demo-model";
import {
  type Classification,
  type ClassifierWorker,
  createClassifierWorker,
  type Embedding,
  type FeatureExtractor,
  fromPretrained,
  type ImageClassifier,
  isFailure,
  type PictureFailure,
  type PretrainedModel,
  type ProgressInfo,
  registerBackend,
  selectBackend,
  serveClassifiers,
  type WorkerExtractorOptions,
} from "@ppt-vit/pipeline/browser";
import { same } from "./expect.js";

// As vite/client declares it: declarations of packages must leave the name to it.
declare global {
  interface ImportMeta {
    readonly env: { readonly SSR: boolean };
  }
}

export async function byTask() {
  const options = { signal: new AbortController().signal, backend: "onnx-wasm" };
  const byDefault = await fromPretrained("org/name");
  const classifier = await fromPretrained(demoModelUrl, { task: "image-classification", ...options });
  const extractor = await fromPretrained("/model/", { task: "image-feature-extraction", dense: true });
  same<typeof byDefault, ImageClassifier>(true);
  same<typeof classifier, ImageClassifier>(true);
  same<typeof extractor, FeatureExtractor>(true);
  same<PretrainedModel<"image-feature-extraction">, FeatureExtractor>(true);
  // @ts-expect-error an extractor does not classify
  extractor.classify;
  // @ts-expect-error a classifier does not embed
  byDefault.embed;
}

export async function mistakes() {
  // @ts-expect-error `dense` is of another task
  await fromPretrained("org/name", { dense: true });
  // @ts-expect-error no such task
  await fromPretrained("org/name", { task: "image-classifcation" });
  // @ts-expect-error a name of transformers.js
  await fromPretrained("org/name", { device: "webgpu" });
  // @ts-expect-error a name of transformers.js
  await fromPretrained("org/name", { dtype: "fp16" });
  // @ts-expect-error misspelt
  await fromPretrained("org/name", { backends: "cpu" });
  // @ts-expect-error misspelt in the other style
  await fromPretrained("org/name", { cache_dir: "." });
  // @ts-expect-error a text is no size
  await fromPretrained("org/name", { imageSize: "384" });
  // @ts-expect-error a misspelt setting
  await fromPretrained("org/name", { reduction: { treshold: 1e-4 } });
  const classifier = await fromPretrained("org/name");
  // @ts-expect-error a name of transformers.js
  await classifier.classify("photo.jpg", { top_k: 3 });
  // @ts-expect-error a number is no picture
  await classifier.classify(3);
}

/** Options that a caller may leave undefined, also under exactOptionalPropertyTypes. */
export const passedOn = (backend?: string, batch?: number, signal?: AbortSignal) =>
  fromPretrained("org/name", { backend, reduction: undefined, verify: undefined, signal }).then((classifier) =>
    classifier.classify("photo.jpg", { batch, topK: undefined, signal }),
  );

export async function results(classifier: ImageClassifier, extractor: FeatureExtractor, files: readonly File[]) {
  for await (const result of classifier.classifyAll(files, { batch: 8 })) {
    if ("error" in result) {
      same<typeof result, PictureFailure>(true);
      console.warn(result.error.code, result.input);
      continue;
    }
    same<typeof result, Classification>(true);
    for (const { label, logit } of result.labels) console.log(label, logit.toFixed());
    // @ts-expect-error a regression has no probability
    result.labels[0]?.probability.toFixed();
    if (result.problem !== "regression") console.log(result.labels[0]?.probability.toFixed());
    else console.log(result.labels[0]?.logit);
  }
  for await (const result of extractor.embedAll(files, { pooling: "mean", normalize: true })) {
    if (isFailure(result)) continue;
    same<typeof result, Embedding>(true);
    result.embedding.subarray(1);
  }
  const { shape, features, classToken } = await extractor.features(new Blob([]));
  const [rows, columns, C]: readonly [number, number, number] = shape;
  // @ts-expect-error some models have no class token
  classToken.length;
  return features.length === rows * columns * C;
}

/** Progress as the README writes it. */
export const progress = (worker: ClassifierWorker) =>
  worker.fromPretrained("/models/deit-small/", {
    backend: "onnx-webgpu",
    progress_callback: (info) => {
      same<typeof info, ProgressInfo>(true);
      if (info.status === "progress") console.log(info.file, info.progress.toFixed());
      if (info.status === "notice") console.log(info.message);
      if (info.status === "ready") console.log(info.task, info.model);
      // @ts-expect-error only `progress` has it
      info.progress;
    },
  });

export async function inWorker() {
  const worker = createClassifierWorker(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));
  const options: WorkerExtractorOptions = { task: "image-feature-extraction", dense: true };
  const extractor = await worker.fromPretrained("/model/", options);
  const byDefault = await worker.fromPretrained("/model/");
  same<typeof extractor, FeatureExtractor>(true);
  same<typeof byDefault, ImageClassifier>(true);
  // @ts-expect-error a backend object cannot be sent to a worker
  await worker.fromPretrained("/model/", { backend: await createOnnxBackend() });
  await worker.dispose();
}

export function inTheWorker(ort: OnnxRuntime) {
  serveClassifiers();
  serveClassifiers({ backends: { "onnx-wasm": async () => createOnnxBackend({ device: "wasm", ort }) } });
  // @ts-expect-error a backend is opened by a function
  serveClassifiers({ backends: { mine: createOnnxBackend() } });
}

export async function choose() {
  const { backend, reason, candidates } = await selectBackend({ candidates: ["onnx-webgpu"], cache: undefined });
  same<(typeof candidates)[number]["outcome"], "chosen" | "works" | "failed" | "passed over" | "not tried">(true);
  registerBackend({ name: backend, open: () => createOnnxBackend(), rank: { node: 150 } });
  // @ts-expect-error `open` is missing
  registerBackend({ name: reason });
}

export const onnxOptions: readonly OnnxBackendOptions[] = [
  { device: "webgpu", dtype: "fp16", graphCapture: { batch: 2 }, sessionOptions: { logSeverityLevel: 3 } },
  { device: undefined, threads: undefined },
  // @ts-expect-error no such device
  { device: "gpu" },
  // @ts-expect-error the name of exports
  { dtype: "float16" },
  // @ts-expect-error misspelt, in the runtime's own options
  { sessionOptions: { graphOptimisationLevel: "all" } },
];

/** Without the peer dependency, and with the tensors of a namespace. */
export async function onTfjs<Own extends Tfjs>(tf: Own) {
  const backend = await createTfjsBackend({ tf, device: "webgl" });
  const byName = await createTfjsBackend({ device: "wasm" });
  // @ts-expect-error no such device
  await createTfjsBackend({ device: "gpu" });
  // @ts-expect-error not TensorFlow.js
  await createTfjsBackend({ tf: {} });
  const executable = await byName.compile((_ops, _params, { x }) => ({ y: x! }), { params: {}, inputs: { x: [1] } });
  return { backend, outputs: executable.runTensors({}) };
}

export const suite = (readGolden: ReadGolden) =>
  conformanceCases({ create: () => createOnnxBackend(), reference: () => createOnnxBackend(), readGolden });

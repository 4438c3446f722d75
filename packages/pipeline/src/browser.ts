/** The pipeline in browsers: the same interface as in Node, with the pictures and folders that a page has. */
import { setMachine } from "./backends/machine.js";
import { browserMachine } from "./browser/machine.js";

export type { BrowserImageInput as ImageInput, Drawable } from "./browser/decode.js";
export type { BrowserCheckpointSource as CheckpointSource, NamedBlobs, PortableSource } from "./browser/files.js";
export { decodeImage, fromPretrained, readCheckpoint } from "./browser/from-pretrained.js";
export type { PlatformType } from "./browser/platform-types.js";
export type { WorkerOptions } from "./browser/protocol.js";
export type { CheckpointFacts } from "./browser/resident.js";
export { type ServeOptions, serveClassifiers } from "./browser/serve.js";
export type {
  Classification,
  DenseFeatures,
  DepthEstimate,
  DepthEstimator,
  Embedding,
  FeatureExtractor,
  ImageClassifier,
  PictureFailure,
  PretrainedModel,
  WorkerClassifierOptions,
  WorkerDepthEstimatorOptions,
  WorkerExtractorOptions,
} from "./browser/types.js";
export { type ClassifierWorker, createClassifierWorker } from "./browser/worker.js";
export * from "./public.js";

setMachine(browserMachine);

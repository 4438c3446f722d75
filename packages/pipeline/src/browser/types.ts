/** The types of models and results, for the pictures that a page takes. */
import type * as classification from "../tasks/image-classification.js";
import type * as extraction from "../tasks/image-feature-extraction.js";
import type { ModelOf, TaskName } from "../tasks/registry.js";
import type * as result from "../tasks/result.js";
import type { BrowserImageInput } from "./decode.js";
import type { WorkerOptions } from "./protocol.js";

/** The model that `fromPretrained` gives for any task, as in `PretrainedModel<"image-feature-extraction">`. */
export type PretrainedModel<Name extends TaskName> = ModelOf<Name, BrowserImageInput>;
export type PictureFailure = result.PictureFailure<BrowserImageInput>;
export type Classification = classification.Classification<BrowserImageInput>;
export type ImageClassifier = classification.ImageClassifier<BrowserImageInput>;
export type Embedding = extraction.Embedding<BrowserImageInput>;
export type DenseFeatures = extraction.DenseFeatures<BrowserImageInput>;
export type FeatureExtractor = extraction.FeatureExtractor<BrowserImageInput>;
export type WorkerClassifierOptions = WorkerOptions<"image-classification">;
export type WorkerExtractorOptions = WorkerOptions<"image-feature-extraction">;

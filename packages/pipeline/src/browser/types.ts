/** The types of models and results, for the pictures that a page takes. */
import type * as estimation from "../tasks/depth-estimation.js";
import type * as classification from "../tasks/image-classification.js";
import type * as extraction from "../tasks/image-feature-extraction.js";
import type { ModelOf, TaskName } from "../tasks/registry.js";
import type * as result from "../tasks/result.js";
import type { BrowserImageInput } from "./decode.js";
import type { WorkerOptions } from "./protocol.js";

/** The model that `fromPretrained` gives for any task, as in `PretrainedModel<"image-feature-extraction">`. */
export type PretrainedModel<Name extends TaskName> = ModelOf<Name, BrowserImageInput>;
/** A picture that could not be read, in the results of many. For pictures of browsers. */
export type PictureFailure = result.PictureFailure<BrowserImageInput>;
/** The labels of one picture. For pictures of browsers. */
export type Classification = classification.Classification<BrowserImageInput>;
/** A model that names pictures. For pictures of browsers. */
export type ImageClassifier = classification.ImageClassifier<BrowserImageInput>;
/** The embedding of one picture. For pictures of browsers. */
export type Embedding = extraction.Embedding<BrowserImageInput>;
/** A vector for every patch of one picture. For pictures of browsers. */
export type DenseFeatures = extraction.DenseFeatures<BrowserImageInput>;
/** A model that embeds pictures. For pictures of browsers. */
export type FeatureExtractor = extraction.FeatureExtractor<BrowserImageInput>;
/** The depth of one picture. For pictures of browsers. */
export type DepthEstimate = estimation.DepthEstimate<BrowserImageInput>;
/** A model that estimates depth. For pictures of browsers. */
export type DepthEstimator = estimation.DepthEstimator<BrowserImageInput>;
/** Options of `fromPretrained` through a worker, for a model that names pictures. */
export type WorkerClassifierOptions = WorkerOptions<"image-classification">;
/** Options of `fromPretrained` through a worker, for a model that embeds pictures. */
export type WorkerExtractorOptions = WorkerOptions<"image-feature-extraction">;
/** Options of `fromPretrained` through a worker, for a model that estimates depth. */
export type WorkerDepthEstimatorOptions = WorkerOptions<"depth-estimation">;

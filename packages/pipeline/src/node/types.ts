/** The types of models and results, for the pictures that Node takes. */
import type * as estimation from "../tasks/depth-estimation.js";
import type * as classification from "../tasks/image-classification.js";
import type * as extraction from "../tasks/image-feature-extraction.js";
import type { ModelOf, TaskName } from "../tasks/registry.js";
import type * as result from "../tasks/result.js";
import type { ImageInput } from "./inputs.js";

/** The model that `fromPretrained` gives for any task, as in `PretrainedModel<"image-feature-extraction">`. */
export type PretrainedModel<Name extends TaskName> = ModelOf<Name, ImageInput>;
/** A picture that could not be read, in the results of many. For pictures of Node. */
export type PictureFailure = result.PictureFailure<ImageInput>;
/** The labels of one picture. For pictures of Node. */
export type Classification = classification.Classification<ImageInput>;
/** A model that names pictures. For pictures of Node. */
export type ImageClassifier = classification.ImageClassifier<ImageInput>;
/** The embedding of one picture. For pictures of Node. */
export type Embedding = extraction.Embedding<ImageInput>;
/** A vector for every patch of one picture. For pictures of Node. */
export type DenseFeatures = extraction.DenseFeatures<ImageInput>;
/** A model that embeds pictures. For pictures of Node. */
export type FeatureExtractor = extraction.FeatureExtractor<ImageInput>;
/** The depth of one picture. For pictures of Node. */
export type DepthEstimate = estimation.DepthEstimate<ImageInput>;
/** A model that estimates depth. For pictures of Node. */
export type DepthEstimator = estimation.DepthEstimator<ImageInput>;

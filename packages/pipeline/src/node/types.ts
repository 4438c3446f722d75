/** The types of models and results, for the pictures that Node takes. */
import type * as classification from "../tasks/image-classification.js";
import type * as extraction from "../tasks/image-feature-extraction.js";
import type { ModelOf, TaskName } from "../tasks/registry.js";
import type * as result from "../tasks/result.js";
import type { ImageInput } from "./inputs.js";

/** The model that `fromPretrained` gives for any task, as in `PretrainedModel<"image-feature-extraction">`. */
export type PretrainedModel<Name extends TaskName> = ModelOf<Name, ImageInput>;
export type PictureFailure = result.PictureFailure<ImageInput>;
export type Classification = classification.Classification<ImageInput>;
export type ImageClassifier = classification.ImageClassifier<ImageInput>;
export type Embedding = extraction.Embedding<ImageInput>;
export type DenseFeatures = extraction.DenseFeatures<ImageInput>;
export type FeatureExtractor = extraction.FeatureExtractor<ImageInput>;

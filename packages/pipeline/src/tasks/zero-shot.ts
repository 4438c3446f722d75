/** Zero-shot labels: the image embedding of CLIP or SigLIP against text embeddings that were computed beforehand. */
import {
  checkTextEmbeddings,
  failingOf,
  type TextComparison,
  type TextEmbeddings,
} from "../checkpoint/text-embeddings.js";
import { normalized } from "./normalized.js";

/**
 * logits_per_image of CLIP and SigLIP: logitScale * cos(image embedding, text embedding), plus SigLIP's logitBias, for each label.
 * -> a function from an image embedding [width] to logits [labels]
 * @throws PptError INVALID_CONFIG if the parts do not fit each other or the model
 */
export function zeroShotLogits(
  texts: TextEmbeddings,
  { width, problem }: TextComparison,
): (embedding: Float32Array) => Float32Array {
  checkTextEmbeddings(texts);
  const { labels, embeddings, logitScale, logitBias } = texts;
  const fail = failingOf(texts);
  const given = embeddings.shape[1]!;
  if (given !== width)
    fail(
      `are ${given} wide, the model's image embeddings ${width}: make them with the text tower of the same checkpoint`,
    );
  if (problem === "multi-label" && logitBias === undefined)
    fail("have no logit_bias, and SigLIP's answers need the one of its checkpoint: add it to the file");
  if (problem === "single-label" && logitBias !== undefined)
    fail(
      "have a logit_bias, which SigLIP's have and this model does not: make them with the text tower of the same checkpoint",
    );
  const directions = labels.map((_, row) => normalized(embeddings.data.subarray(row * width, (row + 1) * width)));
  return (embedding) => {
    const image = normalized(embedding);
    const cosine = (text: Float32Array) => text.reduce((sum, value, i) => sum + value * image[i]!, 0);
    return Float32Array.from(directions, (text) => logitScale * cosine(text) + (logitBias ?? 0));
  };
}

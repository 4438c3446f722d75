/** Zero-shot labels: CLIP's image embedding against text embeddings that were computed beforehand. */
import { PptError } from "@ppt-vit/core";
import { checkTextEmbeddings, type TextEmbeddings } from "../checkpoint/text-embeddings.js";
import { normalized } from "./normalized.js";

/**
 * CLIP's logits_per_image: logitScale * cos(image embedding, text embedding) for each label. Their softmax gives the
 * probabilities. -> a function from an image embedding [projection] to logits [labels]
 * @throws PptError INVALID_CONFIG if the parts do not fit each other or the model
 */
export function zeroShotLogits(texts: TextEmbeddings, projection: number): (embedding: Float32Array) => Float32Array {
  checkTextEmbeddings(texts, "text embeddings");
  const { labels, embeddings, logitScale } = texts;
  const width = embeddings.shape[1]!;
  if (width !== projection)
    throw new PptError(
      "INVALID_CONFIG",
      `text embeddings: are ${width} wide, the model's image embeddings ${projection}: make them with the text tower of the same checkpoint`,
    );
  const directions = labels.map((_, row) => normalized(embeddings.data.subarray(row * width, (row + 1) * width)));
  return (embedding) => {
    const image = normalized(embedding);
    const cosine = (text: Float32Array) => text.reduce((sum, value, i) => sum + value * image[i]!, 0);
    return Float32Array.from(directions, (text) => logitScale * cosine(text));
  };
}

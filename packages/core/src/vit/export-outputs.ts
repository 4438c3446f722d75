/** The outputs of a model that other engines run, under the names that transformers gives them. */
import type { VisionModelConfig } from "./config.js";

/**
 * `logits` [B, labels]; `image_embeds` [B, projection], CLIP's image embedding; `last_hidden_state` [B, N', C], the tokens that
 * remain; `pooler_output` [B, C], the embedding of the picture; `predicted_depth` [B, H, W].
 */
export type ExportOutput = "logits" | "image_embeds" | "last_hidden_state" | "pooler_output" | "predicted_depth";

/** All outputs that an export of this model can have, in the order in which a file lists them. */
export function exportOutputsOf({ labels, projection, depth }: VisionModelConfig): readonly ExportOutput[] {
  // A model with a depth head, and a tower with a projection, give nothing else in transformers.
  if (depth) return ["predicted_depth"];
  const classifier = labels.length > 0 ? (["logits"] as const) : [];
  return [
    ...classifier,
    ...(projection ? (["image_embeds"] as const) : (["last_hidden_state", "pooler_output"] as const)),
  ];
}

/**
 * What stands for a picture in a model without projection: `distilled` the mean of class and distillation token, `mean` that of
 * the patch tokens, `class` the class token after the final norm, `attention` what the head's probe gathers.
 */
export function embeddingPoolingOf({
  pooling,
  classToken,
}: VisionModelConfig): "class" | "mean" | "distilled" | "attention" {
  if (pooling === "distilled" || pooling === "attention") return pooling;
  return pooling === "mean" || pooling === "normalized-mean" || classToken === false ? "mean" : "class";
}

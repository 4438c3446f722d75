/** Tests that a checkpoint keeps the fingerprint by which journals know it. */
import { parseModelConfig, randomWeights, weightsFrom } from "@ppt-vit/core";
import { expect, it } from "vitest";
import { checkpointFingerprint } from "../src/documents/checkpoint-fingerprint.js";

const preprocessing = { doResize: true, size: { height: 16, width: 16 } } as never;
const plain = { image_size: 16, patch_size: 8, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2 };

// Recorded before the families had files of their own. A journal of that time has to be resumable.
it.each([
  [
    "ViT",
    { model_type: "vit", intermediate_size: 16, num_labels: 3, ...plain },
    "ff3f438ece61bbd53904d093c70d3261bd7f811d8aa9f0cf4882e06d3bf22e5a",
  ],
  [
    "DINOv2 with registers",
    { model_type: "dinov2_with_registers", id2label: { 0: "a", 1: "b" }, ...plain },
    "0d2ab250d17203ab53154ee422da1546019997901c293dddaca9955cc5ee42e5",
  ],
  [
    "timm",
    { architecture: "vit_tiny_patch16_224", num_classes: 2, model_args: { img_size: 32, depth: 1 } },
    "1ea617ff960422f502729a43b066b44647e90a71414b3be6be02ee3b800fec05",
  ],
])("%s", (_, json, fingerprint) => {
  const config = parseModelConfig(json);
  const weights = weightsFrom(randomWeights(config, 1));
  const checkpoint = { name: "x", config, preprocessing, weights } as never;
  expect(checkpointFingerprint(checkpoint)).toBe(fingerprint);
});

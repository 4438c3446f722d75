/** Identifies a model by its content instead of its path. */
import { createHash } from "node:crypto";
import { prepareVisionProgram, type VisionModelConfig } from "@ppt-vit/core";
import type { Checkpoint } from "@ppt-vit/pipeline";

/** The first fields of a geometry as they are hashed. Journals hold the hash, so this order never changes. */
const firstFields = [
  "imageSize",
  "patchSize",
  "channels",
  "hiddenSize",
  "layers",
  "heads",
  "intermediateSize",
  "activation",
  "layerNormEpsilon",
  "qkvBias",
  "distillationToken",
  "distillationHead",
  "pooling",
  "labels",
] as const satisfies readonly (keyof VisionModelConfig)[];

/** The geometry with its fields in the order in which they are hashed. */
function ordered(config: VisionModelConfig): object {
  const first = Object.fromEntries(firstFields.map((field) => [field, config[field]]));
  return { ...first, ...config };
}

/**
 * SHA-256 over everything that determines the unreduced model's answers: geometry, labels, preprocessing, parameters.
 * @throws PptError INVALID_WEIGHTS
 */
export function checkpointFingerprint({ config, preprocessing, weights }: Checkpoint): string {
  const hash = createHash("sha256").update(JSON.stringify([ordered(config), preprocessing]));
  for (const [name, { shape, data }] of Object.entries(prepareVisionProgram({ config, weights }).params)) {
    hash.update(JSON.stringify([name, shape]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}

/** Identifies a model by its content instead of its path. */
import { createHash } from "node:crypto";
import { prepareVisionProgram } from "@ppt-vit/core";
import type { Checkpoint } from "@ppt-vit/pipeline";

/**
 * SHA-256 over everything that determines the unreduced model's answers: geometry, labels, preprocessing, parameters.
 * @throws PptError INVALID_WEIGHTS
 */
export function checkpointFingerprint({ config, preprocessing, weights }: Checkpoint): string {
  const hash = createHash("sha256").update(JSON.stringify([config, preprocessing]));
  for (const [name, { shape, data }] of Object.entries(prepareVisionProgram({ config, weights }).params)) {
    hash.update(JSON.stringify([name, shape]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}

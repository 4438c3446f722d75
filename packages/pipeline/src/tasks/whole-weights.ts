/** Checks all weights of a checkpoint that cannot be used for another reason, before the user repairs that. */

import { isPptError, PptError } from "@ppt-vit/core";
import { readParameters } from "@ppt-vit/core/on-demand";
import type { Checkpoint } from "../checkpoint/checkpoint.js";

/** @throws PptError INVALID_WEIGHTS */
export function requireWholeWeights({ name, config, weights }: Checkpoint): void {
  try {
    readParameters(weights, config);
  } catch (cause) {
    throw isPptError(cause) ? new PptError(cause.code, `${name}: ${cause.message}`, { cause }) : cause;
  }
}

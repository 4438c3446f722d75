/** The error of a checkpoint without weights that are read here. */
import { isPptError, PptError } from "@ppt-vit/core";
import type { CheckpointFiles } from "./checkpoint.js";
import { tellFound } from "./found-files.js";

/**
 * Why there are no weights: `reason` is why `file` could not be read; what lies there instead is told where that is known.
 */
export async function missingWeights(
  files: CheckpointFiles,
  file: string,
  indexFile: string,
  reason: unknown,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  if (!isPptError(reason) || reason.code !== "NOT_FOUND") return reason;
  const found = await tellFound(files, file, signal);
  return new PptError("NOT_FOUND", `${reason.message}. There is no ${indexFile} either. ${found ?? unreadable}`, {
    cause: reason,
  });
}

const unreadable =
  "Weights are read as safetensors only: convert a pytorch_model.bin or .pth once, as the README of @ppt-vit/pipeline shows";

/** The error about a checkpoint without safetensors. */
import { isPptError, PptError } from "@ppt-vit/core";
import type { CheckpointFiles } from "./files.js";
import { tellFound } from "./found-files.js";
import { indexFile, singleFile } from "./weight-files.js";

/** `reason` is why `model.safetensors` could not be read. The error adds what the store holds instead, if that is known. */
export async function missingWeights(
  files: CheckpointFiles,
  reason: unknown,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  if (!isPptError(reason) || reason.code !== "NOT_FOUND") return reason;
  const found = await tellFound(files, singleFile, signal);
  return new PptError("NOT_FOUND", `${reason.message}. There is no ${indexFile} either. ${found ?? unreadable}`, {
    cause: reason,
  });
}

const unreadable =
  "Weights are read as safetensors only: convert a pytorch_model.bin or .pth once, as https://github.com/ppt-vit/ppt-vit/blob/main/apps/docs/guide/checkpoints.md shows";

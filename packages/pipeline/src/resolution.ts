/** Whether preprocessing gives the pictures that a model reads. */
import { PptError } from "@ppt-vit/core";
import type { Checkpoint } from "./checkpoint.js";

/** @throws PptError INVALID_CONFIG where the processor's output is not what the model reads. */
export function checkPreprocessing({ name, config, preprocessing }: Checkpoint): void {
  const fail = (message: string): never => {
    throw new PptError("INVALID_CONFIG", `${name}: ${message}`);
  };
  const { doCenterCrop, cropSize, doResize, size } = preprocessing;
  const output = doCenterCrop ? cropSize : doResize && "width" in size ? size : undefined;
  const [H, W] = config.imageSize;
  if (!output) fail(`preprocessor_config.json leaves the size to the picture, config.json asks for ${H} x ${W}`);
  else if (output.height !== H || output.width !== W)
    fail(`preprocessor_config.json makes ${output.height} x ${output.width} pixels, config.json asks for ${H} x ${W}`);
  if (config.channels !== 3) fail(`pictures have 3 channels, config.json asks for ${config.channels}`);
}

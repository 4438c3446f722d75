/** What is measured: the backends of this project, and runtimes from outside under the same clock. */
import { createVisionModel, PptError } from "@ppt-vit/core";
import { backendNames, createBackend } from "@ppt-vit/pipeline";
import type { BenchModel } from "./model.js";
import { prepareTransformers } from "./transformers.js";

/** One run of [batch, channels, height, width] pixels, its logits read back. */
export type Run = (pixelValues: Float32Array, batch: number) => Promise<void>;

/** All that `--backends` takes, but for the `:fp16` behind ONNX backends. */
export const contenderNames: readonly string[] = [...backendNames, "transformers.js"];

const halfPrecision = /^onnx-(cpu|webgpu|wasm):fp16$/;

/** @throws PptError UNKNOWN_BACKEND */
export function requireContender(name: string): void {
  if (!contenderNames.includes(name) && !halfPrecision.test(name))
    throw new PptError("UNKNOWN_BACKEND", `unknown backend '${name}'; available: ${contenderNames.join(", ")}`);
}

/**
 * All that comes before the clock starts. What it returns loads the runtime and the model.
 * @throws PptError BACKEND_UNAVAILABLE, also from what is returned
 */
export async function prepareContender(name: string, model: BenchModel): Promise<() => Promise<Run>> {
  if (name === "transformers.js") return prepareTransformers(model);
  const half = halfPrecision.exec(name);
  return async () => {
    const backend = await (half ? halfPrecisionBackend(half[1] as "cpu" | "webgpu" | "wasm") : createBackend(name));
    const visionModel = await createVisionModel({ ...model, backend });
    return async (pixelValues, batch) => void (await visionModel.run({ pixelValues, batch }));
  };
}

async function halfPrecisionBackend(device: "cpu" | "webgpu" | "wasm") {
  const { createOnnxBackend } = await import("@ppt-vit/backend-onnx");
  return createOnnxBackend({ device, dtype: "fp16" });
}

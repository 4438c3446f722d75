/** The backends of this project as contenders. */
import { type Backend, createVisionModel } from "@ppt-vit/core";
import { backendNames, createBackend } from "@ppt-vit/pipeline";
import type { Contender } from "./contender.js";

/** A contender that opens a backend. */
export const backendContender = (name: string, open: () => Promise<Backend>): Contender => ({
  name,
  prepare:
    async ({ config, weights, reduction }) =>
    async () => {
      const visionModel = await createVisionModel({ config, weights, reduction, backend: await open() });
      return async (pixelValues, batch) => void (await visionModel.run({ pixelValues, batch }));
    },
});

/** Every backend that the pipeline knows. */
export const backendContenders: readonly Contender[] = backendNames.map((name) =>
  backendContender(name, () => createBackend(name)),
);

/** `NAME:fp16` for each backend of ONNX Runtime: half precision. */
export const halfPrecisionContenders: readonly Contender[] = (["cpu", "webgpu", "wasm"] as const).map((device) =>
  backendContender(`onnx-${device}:fp16`, async () => {
    const { createOnnxBackend } = await import("@ppt-vit/backend-onnx");
    return createOnnxBackend({ device, dtype: "fp16" });
  }),
);

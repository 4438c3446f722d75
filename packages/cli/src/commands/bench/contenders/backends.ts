/** The backends of this project as contenders. */
import { type Backend, createVisionModel, PptError, type QuantizedDtypeName, quantizedDtypeNames } from "@ppt-vit/core";
import { backendNames, createBackend } from "@ppt-vit/pipeline";
import type { Contender, Run } from "./contender.js";

/** A contender that opens a backend. `quantize` is the precision of the weights, if it is not that of the backend. */
export const backendContender = (
  name: string,
  open: () => Promise<Backend>,
  quantize?: QuantizedDtypeName,
): Contender => ({
  name,
  prepare:
    async ({ config, weights, reduction }) =>
    async () => {
      const backend = await open();
      const visionModel = await createVisionModel({ config, weights, reduction, quantize, backend });
      // What is measured would be something else than what the name says.
      if (visionModel.notices.length > 0) throw new PptError("VERIFICATION_FAILED", visionModel.notices.join("; "));
      const run: Run = async (pixelValues, batch) => (await visionModel.run({ pixelValues, batch })).logits.data;
      return Object.assign(run, kernelsOf(backend));
    },
});

/** Only backends that run a graph count its kernels. The count is that of the program compiled last. */
function kernelsOf(backend: Backend & { readonly info?: { readonly kernels?: unknown } }): Pick<Run, "kernels"> {
  const kernels = backend.info?.kernels;
  return typeof kernels === "number" ? { kernels } : {};
}

/** Every backend that the pipeline knows. */
export const backendContenders: readonly Contender[] = backendNames.map((name) =>
  backendContender(name, () => createBackend(name)),
);

/** `NAME:q8` for every backend and every precision that quantises weights. */
export const quantizedContenders: readonly Contender[] = backendNames.flatMap((name) =>
  quantizedDtypeNames.map((dtype) => backendContender(`${name}:${dtype}`, () => createBackend(name), dtype)),
);

/** `NAME:fp16` for each backend of ONNX Runtime: half precision. */
export const halfPrecisionContenders: readonly Contender[] = (["cpu", "webgpu", "wasm"] as const).map((device) =>
  backendContender(`onnx-${device}:fp16`, async () => {
    const { createOnnxBackend } = await import("@ppt-vit/backend-onnx");
    return createOnnxBackend({ device, dtype: "fp16" });
  }),
);

/** The page of `contenders/browser.mjs`: it makes a model once, and runs it whenever it is asked to. */
import { createVisionModel, loadConfigReader, randomWeights, verificationInput, weightsFrom } from "@ppt-vit/core";
import { readCheckpoint } from "@ppt-vit/pipeline/slim";

const openers = {
  wasm: async (threads) => (await import("@ppt-vit/backend-wasm")).createWasmBackend({ threads }),
  "onnx-wasm": async (threads) =>
    (await import("@ppt-vit/backend-onnx")).createOnnxBackend({ device: "wasm", threads }),
  "onnx-webgpu": async () => (await import("@ppt-vit/backend-onnx")).createOnnxBackend({ device: "webgpu" }),
};

let given;
let model;
let pixelValues;

globalThis.prepare = async ({ geometry, reduction }) => {
  if (!geometry) {
    const { config, weights } = await readCheckpoint("/model/");
    given = { config, weights, reduction };
    return;
  }
  const config = (await loadConfigReader(geometry)).parseModelConfig();
  given = { config, weights: weightsFrom(randomWeights(config, 1)), reduction };
};

globalThis.load = async ({ device, threads, quantize }) => {
  const backend = await openers[device](threads);
  model = await createVisionModel({ ...given, backend, quantize });
  if (model.notices.length > 0) throw new Error(model.notices.join("; "));
  return { runtime: backend.runtime, kernels: backend.info?.kernels };
};

/** The inputs are those that the bench makes, made here: 600 kB an image would take as long to send as to compute. */
globalThis.setInput = (batch) => {
  const images = Array.from({ length: batch }, (_, i) => verificationInput(given.config, i));
  pixelValues = new Float32Array(batch * images[0].length);
  for (const [i, image] of images.entries()) pixelValues.set(image, i * image.length);
};

globalThis.run = async (batch) => Array.from((await model.run({ pixelValues, batch })).logits.data);

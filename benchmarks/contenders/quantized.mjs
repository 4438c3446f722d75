/**
 * What people have in 8 bits without this project, on native CPUs and on wasm with one thread: a plain export, and the file that
 * the standard quantiser makes of it. Against them:
 * `pnpm bench --contenders benchmarks/contenders/quantized.mjs --models deit-s --reference onnx-wasm-standard:q8
 * --backends onnx-wasm-plain,onnx-wasm-standard:q8,onnx-wasm:q8`
 */
import { createRequire } from "node:module";
import { standardQ8 } from "../standard-q8.mjs";
import { plainOnnx } from "./onnx.mjs";

const runtimes = {
  cpu: async () => ({ ort: await import("onnxruntime-node"), options: {} }),
  async wasm() {
    const ort = createRequire(import.meta.resolve("@ppt-vit/backend-onnx"))("onnxruntime-web/wasm");
    ort.env.wasm.numThreads = 1;
    return { ort, options: { executionProviders: ["wasm"] } };
  },
};

const contender = (device, name, write) => ({
  name: `onnx-${device}-${name}`,
  async prepare(model) {
    if (model.reduction) throw new Error("it stands for files without a reduction");
    const bytes = write(model);
    const { channels, imageSize } = model.config;
    return async () => {
      const { ort, options } = await runtimes[device]();
      const session = await ort.InferenceSession.create(bytes, options);
      return async (pixelValues, batch) => {
        const pixels = new ort.Tensor("float32", pixelValues, [batch, channels, ...imageSize]);
        const { logits } = await session.run({ pixel_values: pixels });
        logits.data.at(-1);
      };
    };
  },
});

export const contenders = Object.keys(runtimes).flatMap((device) => [
  contender(device, "plain", plainOnnx),
  contender(device, "standard:q8", standardQ8),
]);

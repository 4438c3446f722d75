/**
 * The graph that runs anywhere, on ONNX Runtime's WebGPU provider: without the operators that save kernels on GPUs. Against them,
 * over a software driver where there is no GPU:
 * `pnpm bench --contenders benchmarks/contenders/webgpu.mjs --backends webgpu-any,onnx-webgpu --models demo --batches 1`
 */
import { traceProgram } from "@ppt-vit/backend-onnx";
import { prepareVisionProgram } from "@ppt-vit/core";
import * as ort from "onnxruntime-node";

const fusion = { contrib: true, attention: false };

export const contenders = [
  {
    name: "webgpu-any",
    async prepare(model) {
      const { config, weights, reduction } = model;
      const prepared = prepareVisionProgram({ config, weights, reduction });
      const { bytes, kernels } = traceProgram(prepared.program, { ...prepared, fusion });
      const { channels, imageSize } = model.config;
      return async () => {
        const session = await ort.InferenceSession.create(bytes, { executionProviders: ["webgpu"] });
        const run = async (pixelValues, batch) => {
          const pixels = new ort.Tensor("float32", pixelValues, [batch, channels, ...imageSize]);
          const { logits } = await session.run({ pixel_values: pixels });
          (await logits.getData()).at(-1);
        };
        return Object.assign(run, { kernels: kernels.total });
      };
    },
  },
];

/**
 * ONNX graphs without what this project's backend adds, on ONNX Runtime's native CPU provider. Against them:
 * `pnpm bench --contenders benchmarks/contenders/onnx.mjs --backends onnx-plain,onnx-portable,onnx-cpu --reference onnx-plain`
 */
import { traceProgram } from "@ppt-vit/backend-onnx";
import { prepareVisionProgram } from "@ppt-vit/core";
import * as ort from "onnxruntime-node";

/** Standard operators only, as `ppt-vit export --portable` writes them. ONNX Runtime may still fuse them by itself. */
const fusion = { contrib: false, attention: false };

/** The bytes of an ONNX file with one output, `logits`. */
function portableOnnx({ config, weights, reduction }, outputs = {}) {
  const { program, params, inputs } = prepareVisionProgram({ config, weights, reduction, outputs });
  return traceProgram(program, { params, inputs, fusion, outputs: ["logits"] }).bytes;
}

/** As `torch.onnx.export` writes the model of transformers: the last block computes all rows, not only those of the head. */
export const plainOnnx = (model) => portableOnnx(model, { lastHiddenState: true });

const contender = (name, trace) => ({
  name,
  async prepare(model) {
    const bytes = trace(model);
    const { channels, imageSize } = model.config;
    return async () => {
      const session = await ort.InferenceSession.create(bytes);
      return async (pixelValues, batch) => {
        const pixels = new ort.Tensor("float32", pixelValues, [batch, channels, ...imageSize]);
        const { logits } = await session.run({ pixel_values: pixels });
        logits.data.at(-1);
      };
    };
  },
});

export const contenders = [
  contender("onnx-plain", plainOnnx),
  contender("onnx-portable", (model) => portableOnnx(model)),
];

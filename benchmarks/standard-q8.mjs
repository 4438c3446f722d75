/**
 * Models in 8 bits as `onnxruntime.quantization.quantize_dynamic` writes them with its default options: every product with a
 * constant matrix, one scale for each matrix, eight signed bits. Users of transformers.js have such files as
 * `model_quantized.onnx`. docs/decisions/0025-speed-of-quantised-models.md
 * compares them with a file of the real tool.
 */
import { traceProgram } from "@ppt-vit/backend-onnx";
import { prepareVisionProgram } from "@ppt-vit/core";

/** The bytes of an unreduced ONNX file. As `torch.onnx.export` writes it, the last block computes all rows. */
export function standardQ8({ config, weights }) {
  const outputs = { lastHiddenState: true };
  const { program, params, inputs } = prepareVisionProgram({ config, weights, outputs });
  const quantized = prepareVisionProgram({ config, weights, outputs, quantize: "q8" }).params;
  const asTheToolDoes = Object.entries(params).map(([name, tensor]) => [
    name,
    quantized[name].quantized ? { ...tensor, quantized: oneScale(tensor) } : tensor,
  ]);
  const fusion = { contrib: false, attention: false, integers: { rows: "MatMulInteger" } };
  return traceProgram(program, { params: Object.fromEntries(asTheToolDoes), inputs, fusion, outputs: ["logits"] })
    .bytes;
}

/** A matrix [O, I] with one scale for all its rows. */
function oneScale({ shape, data }) {
  let magnitude = 0;
  for (const value of data) magnitude = Math.max(magnitude, Math.abs(value));
  const scale = Math.fround(magnitude / 127) || 1;
  return {
    kind: "rows",
    integers: Int8Array.from(data, (value) => Math.round(value / scale)),
    scales: new Float32Array(shape[0]).fill(scale),
  };
}
